/** Reads the hosts that `--host` names: `ssh://[user@]host[:port]`, or `local` for this machine. */

export interface RemoteHost {
  /** What the user wrote. */
  readonly given: string;
  /** Its name in the report. */
  readonly name: string;
  /** Where ssh logs in; null for this machine. */
  readonly login: Login | null;
}

export interface Login {
  /** Null where ssh's own configuration decides. */
  readonly user: string | null;
  /** A name, an address, or an alias of ssh's configuration. */
  readonly host: string;
  readonly port: number | null;
}

const LOCAL = 'local';

/** Null for anything else. A URL with a path, a password or a query is not understood. */
export function parseRemoteHost(given: string): RemoteHost | null {
  if (given === LOCAL) return { given, name: LOCAL, login: null };
  const match =
    /^ssh:\/\/(?:([^\s@:/]+)@)?(\[[0-9a-f:.]+(?:%\w+)?\]|[^\s@:/?#[\]]+)(?::(\d{1,5}))?\/?$/i.exec(
      given,
    );
  const host = (match?.[2] ?? '').replace(/^\[|\]$/g, '');
  const user = decode(match?.[1]);
  const port = match?.[3] === undefined ? null : Number(match[3]);
  // A leading hyphen would be read as an option.
  if (host === '' || host.startsWith('-') || user?.startsWith('-')) return null;
  if (port !== null && (port < 1 || port > 65_535)) return null;
  return { given, name: host, login: { user, host, port } };
}

function decode(text: string | undefined): string | null {
  if (text === undefined) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Gives repeated names a number: `a`, `a-2`. */
export function distinguishNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((base) => {
    let name = base;
    for (let count = 2; taken.has(name); count += 1) name = `${base}-${count}`;
    taken.add(name);
    return name;
  });
}
