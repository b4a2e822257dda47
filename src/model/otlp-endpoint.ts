/** Parses the address of an OTLP receiver given by `--otlp` into those of its signals. */

export interface OtlpEndpoint {
  readonly traces: string;
  readonly metrics: string;
  /** The address as it may be printed: without user name, password and query, which may be secrets. */
  readonly shown: string;
}

/**
 * The signals' own paths are appended, as for OTEL_EXPORTER_OTLP_ENDPOINT.
 * @param text e.g. `http://collector:4318`
 * @returns null where the text is no HTTP or HTTPS address
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
