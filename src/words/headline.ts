/** Writes the headline: the one place that makes the first line of every output. */
import { formatEndpoint } from '../model/address.js';
import type { Headline, SeenSource, Unpublished } from '../model/headline.js';
import type { TraceTail } from '../model/trace.js';
import type { Proof } from '../model/verdict.js';
import { writeFailure } from './failures.js';
import { writeJourney, writeWay } from './paths.js';

export interface HeadlineWords {
  /** `8080` */
  readonly subject: string;
  /** `good` when everything was answered, whether or not the path is proven. */
  readonly tone: 'good' | 'bad' | 'unsure';
  /** `dropped by DOCKER-USER (rule "…") after ext0`, `3 of 200 failed: …`, `answered`. */
  readonly outcome: string;
  /** `by DNAT in PREROUTING (proven)`; empty where nothing was seen. */
  readonly way: string;
  /** Clauses: `redis sees 172.17.0.1 (docker-proxy) as the client`, or what is published instead. */
  readonly notes: readonly string[];
  readonly fix: string | null;
}

/** @param proof of the path, over all connections */
export function writeHeadline(headline: Headline, proof: Proof): HeadlineWords {
  const { subject, connections, failed, sources, fix, unpublished } = headline;
  return {
    subject,
    tone: connections === 0 ? 'unsure' : failed > 0 ? 'bad' : 'good',
    outcome: writeOutcome(headline),
    way: connections === 0 ? '' : `${writeWays(headline)} (${proof})`,
    notes: [
      ...(sources.length > 0 ? [writeSources(sources)] : []),
      ...(unpublished ? writeUnpublished(unpublished) : []),
    ],
    fix: fix && writeFix(fix),
  };
}

/** The remedy. If it applies to some failures only, it says which. */
function writeFix({ remedy, of }: NonNullable<Headline['fix']>): string {
  if (of === undefined) return remedy;
  return `for the ${number(of.count)} ${of.outcomes.join(' and ')}: ${remedy}`;
}

/** All of it in one line, without the subject and the fix. */
export function joinHeadline({ outcome, way, tone, notes }: HeadlineWords): string {
  if (way === '') return [outcome, ...notes].join('; ');
  return [`${outcome}${tone === 'bad' ? '; ' : ', '}${way}`, ...notes].join('; ');
}

/** The whole line: `8080: dropped by … — fix: …`. */
export function writeHeadlineLine(headline: Headline, proof: Proof): string {
  const words = writeHeadline(headline, proof);
  const line = `${words.subject}: ${joinHeadline(words)}`;
  return words.fix === null ? line : `${line} — fix: ${words.fix}`;
}

/** The reason of a verdict without any connection. */
export function writeNothingSeen({ sealed, notes }: Pick<TraceTail, 'sealed' | 'notes'>): string {
  const trouble = sealed ? '' : ` (${notes[0] ?? 'the trace is not sealed'})`;
  return `no matching traffic was seen${trouble}`;
}

/** The headline as the reason of a verdict over many connections, without subject, proof, notes and fix. */
export function writeHeadlineReason(headline: Headline): string {
  return `${writeOutcome(headline)}${headline.failed > 0 ? '; ' : ': '}${writeWays(headline)}`;
}

/** Most kinds of failure that are named; the others are counted. */
const MOST_FAILURES = 4;

function writeOutcome({ connections, failed, failures }: Headline): string {
  if (connections === 0) return 'no matching traffic was seen';
  if (failed === 0) {
    return connections === 1 ? 'answered' : `${number(connections)} connections answered`;
  }
  const [first] = failures;
  if (connections === 1 && first) return writeFailure(first);
  const silent = failures.every(
    ({ protocol, outcome }) => protocol === 'udp' && outcome === 'unanswered',
  );
  // Failures of several paths or ports may read alike.
  const kinds = Map.groupBy(failures, writeFailure);
  const groups = [...kinds]
    .map(([words, alike]) => ({ words, count: alike.reduce((sum, { count }) => sum + count, 0) }))
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_FAILURES);
  const told = groups.reduce((sum, { count }) => sum + count, 0);
  const listed = groups.map(({ words, count }) =>
    count === failed ? words : `${number(count)} ${words}`,
  );
  const more = failed > told ? [`${number(failed - told)} in other ways`] : [];
  const verb = silent ? 'got no answer' : 'failed';
  return `${number(failed)} of ${number(connections)} ${verb}: ${[...listed, ...more].join(', ')}`;
}

function writeWays({ ways, connections, failed }: Headline): string {
  if (connections === 1) return ways.map(failed > 0 ? writeJourney : writeWay).join('');
  return ways.map((way) => `${number(way.count)} ${writeWay(way)}`).join(', ');
}

/** Most sources that are named; the others are counted. */
const MOST_SOURCES = 3;

function writeSources(sources: readonly SeenSource[]): string {
  const shown = sources.slice(0, MOST_SOURCES);
  const told = [...new Set(shown.map(({ container }) => container))].map((container) => {
    const seen = shown
      .filter((source) => source.container === container)
      .map((source) => writeSource(source) + (sources.length > 1 ? ` (${source.count}×)` : ''));
    return `${container ?? 'the server'} sees ${seen.join(' and ')}`;
  });
  const more = sources.length - shown.length;
  return told.join(', ') + (more > 0 ? ` and ${more} more addresses` : '');
}

function writeSource({ address, of }: SeenSource): string {
  switch (of) {
    case 'client':
      return address === null ? "each client's own address" : `the client's own address ${address}`;
    case 'relay':
      return `the relay's address ${address ?? ''}`.trimEnd();
    case 'nat':
      return `${address ?? 'an address'} by NAT, not the client`;
    case 'other':
      return `${address ?? 'another address'}, not the client`;
  }
}

function writeUnpublished({ port, published, more, listens }: Unpublished): string[] {
  if (published.some((one) => one.port === port)) {
    const list = published.map(
      (one) => `${formatEndpoint(one)}${one.container === null ? '' : ` (${one.container})`}`,
    );
    return [`${port} is published on ${list.join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
  }
  const list = published.map((one) => {
    const at = ANY.includes(one.address) ? String(one.port) : formatEndpoint(one);
    const { container, inside } = one;
    return container === null
      ? at
      : `${at} (${container}${inside === undefined ? '' : `'s ${inside}`})`;
  });
  const notes = [
    list.length === 0
      ? `no container publishes ${port}, or any other port`
      : `no container publishes ${port}; published are ${listSome(list, more)}`,
  ];
  if (listens === null) return notes;
  const once = new Map(
    [...listens].reverse().map((one) => [JSON.stringify([one.namespace, one.pid]), one]),
  );
  const sockets = [...once.values()].reverse().map(({ namespace, address, command, pid }) => {
    const owner = command === null ? '' : ` (${command}${pid === null ? '' : `, pid ${pid}`})`;
    return `${formatEndpoint({ address, port })} in ${namespace}${owner}`;
  });
  return [
    ...notes,
    sockets.length === 0
      ? `nothing listens on ${port}`
      : `what listens on ${port}: ${listSome(sockets)}`,
  ];
}

/** Every address of the host. */
const ANY: readonly string[] = ['0.0.0.0', '::'];

/** Most ports and sockets that are named; the others are counted. */
const MOST_LISTED = 4;

function listSome(all: readonly string[], more = 0): string {
  const rest = Math.max(0, all.length - MOST_LISTED) + more;
  return all.slice(0, MOST_LISTED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}

/** What was traced: ports, or containers. */
export function nameSubject(names: readonly (string | number)[]): string {
  return names.join(', ') || 'all ports';
}
