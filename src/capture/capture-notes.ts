/** Writes the notes about capture files: what could not be read, and what is missing. */
import type { Collector } from './conversations/collector.js';
import type { ReadEnd } from './file/sink.js';

/** A file that was read. */
export interface Finished {
  readonly name: string;
  readonly collector: Collector;
  readonly end: ReadEnd;
}

export function tellUnset(why: 'none' | 'few' | 'far', reference: string): string {
  if (why === 'none')
    return `shares no packet with ${reference}: their clocks could not be compared`;
  if (why === 'far') {
    return `shows packets of ${reference} more than 14 hours apart: they are taken for two captures of different days`;
  }
  return (
    `shares too few packets with ${reference}, or of one direction only, or such as contradict each other: ` +
    'their clocks could not be compared'
  );
}

export function listNotes({ name, collector, end }: Finished): string[] {
  const notes: string[] = [];
  if (end.problem !== null) {
    notes.push(`${name}: ${end.problem}; the ${collector.packets} packets before it were read`);
  }
  if (end.lost > 0) notes.push(`${name}: its capturing program lost ${end.lost} packets`);
  for (const [link, count] of collector.unknownLinks) {
    notes.push(`${name}: ${count} packets of link type ${link} skipped: not known`);
  }
  if (collector.malformed > 0) {
    notes.push(`${name}: ${collector.malformed} packets could not be decoded`);
  }
  if (collector.untimely > 0) {
    notes.push(
      `${name}: ${collector.untimely} packets were skipped: their time is before 1970 or after 2554`,
    );
  }
  if (collector.apart > 0) notes.push(`${name}: ${tellApart(collector)}`);
  if (collector.refused > 0) {
    notes.push(
      `${name}: ${collector.refused} IP fragments overlap others of their packet or contradict them, so those packets were refused`,
    );
  }
  if (collector.late > 0) {
    notes.push(
      `${name}: ${collector.late} packets stand far behind later ones and are not told; reordercap puts the file in order`,
    );
  }
  const { holed } = collector.table;
  if (holed > 0) notes.push(tellHoles(name, holed));
  return [...notes, ...end.notes.map((note) => `${name}: ${note}`)];
}

/** Only first fragments carry the ports, so the others belong to no known connection. */
function tellApart({ apart, alone }: Collector): string {
  const some = apart === 1 ? '1 IP fragment' : `${apart} IP fragments`;
  return `${some} could not be put together, so bytes of their packets are missing (${apart - alone} without ports belong to no connection)`;
}

/** In a pcap file, such holes are the only sign that the capturing program did not keep up. */
function tellHoles(name: string, conversations: number): string {
  return (
    `${name}: ${conversations} of its conversations lack bytes that were acknowledged: its capturing program lost ` +
    'packets (tcpdump -B 16384 gives it more room), or saw one direction only'
  );
}

export function countUnparsed(collector: Collector): number {
  const { malformed, untimely, unknownLinks, apart, alone, refused } = collector;
  return malformed + untimely + apart - alone + refused + sum([...unknownLinks.values()]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
