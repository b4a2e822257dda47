/** Why a request to a receiver failed, in few words. */

export function describeTrouble(error: Error): string {
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'number') return `it answers with HTTP status ${code}`;
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  if (first instanceof Error) return describeTrouble(first);
  if (error.message !== '') return error.message;
  return typeof code === 'string' ? code : error.name;
}
