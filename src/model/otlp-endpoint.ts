/** Where `--otlp` sends to: the address of a receiver, and those of its signals. */

export interface OtlpEndpoint {
  readonly traces: string;
  readonly metrics: string;
  /** The address as it may be told: without a name, a password or a query, which may be secrets. */
  readonly shown: string;
}

/**
 * The signals' own paths are appended, as for OTEL_EXPORTER_OTLP_ENDPOINT.
 * @param text e.g. `http://collector:4318`
 * @returns null where it is no address of a receiver over HTTP
 */
export function parseOtlpEndpoint(text: string): OtlpEndpoint | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  const base = url.pathname.replace(/\/+$/, '');
  const signal = (name: string): string => {
    const own = new URL(url);
    own.pathname = `${base}/v1/${name}`;
    own.hash = '';
    return own.href;
  };
  return {
    traces: signal('traces'),
    metrics: signal('metrics'),
    shown: `${url.origin}${base}`,
  };
}
