/** The kinds of faults that tests try: each with its tests, by file and beginning of their titles. */

/** Tests of one file. */
export interface Checks {
  readonly file: string;
  /** Beginnings of titles; all of the file where there are none. */
  readonly titles?: readonly string[];
  /** How often one run of such a test tries it; once unless told. */
  readonly each?: number;
}

export interface Fault {
  readonly name: string;
  /** What is right then. */
  readonly right: string;
  readonly checks: readonly Checks[];
}

const OUTPUT_FILES = 'test/host/output-file.test.ts';
const OUTPUTS = 'test/cli/outputs.test.ts';
const FAULTS = 'test/app/faults.live.ts';
const DISTURBED = 'test/app/disturbed.live.ts';
const FAKES = 'test/capture/fakes.live.ts';
const DAMAGED = 'test/capture/damaged.test.ts';
const COMMAND = 'test/app/command.test.ts';

export const INPUTS: readonly Fault[] = [
  {
    name: 'damaged files',
    right: 'read as far as they go, or refused with a clear error',
    checks: [
      { file: DAMAGED, titles: ['45,000 pcap files', '45,000 pcapng files'], each: 45_000 },
      { file: DAMAGED, titles: ['5,000 gzip files', '5,000 recordings'], each: 5_000 },
    ],
  },
  {
    name: 'hostile captures',
    right: 'memory is bounded, and what was left out is told',
    checks: [{ file: 'test/capture/hostile.test.ts' }],
  },
  {
    name: 'recordings and maps of earlier versions',
    right: 'read, and tell what they told',
    checks: [{ file: 'test/versions/versions.test.ts' }],
  },
  {
    name: 'pseudonyms',
    right: 'nothing of the original in any output, the same verdicts',
    checks: [{ file: 'test/app/anonymize.test.ts' }],
  },
  {
    name: 'inputs that are refused or left in the middle',
    right: 'closed at once',
    checks: [{ file: 'test/app/closing.test.ts' }],
  },
];

export const FAULTS_OF_MACHINES: readonly Fault[] = [
  {
    name: '1. outputs that are devices, links, FIFOs, descriptors, or somebody else’s files',
    right: 'only ordinary files are replaced, whole or not at all, with their mode and owner',
    checks: [
      { file: OUTPUT_FILES },
      { file: OUTPUTS, titles: ['standard output and substituted processes'] },
    ],
  },
  {
    name: '2. closed or full outputs',
    right: 'what was asked for is finished, one line says what could not be written',
    checks: [
      {
        file: OUTPUTS,
        titles: ['a reader that', 'a closed', 'a full', 'help on a full', 'one output that fails'],
      },
      { file: DISTURBED, titles: ['a reader that goes before the end'] },
      { file: 'test/app/recorder.test.ts', titles: ['what cannot be written', 'a reader that'] },
    ],
  },
  {
    name: '3. plugins, settings and programs of the caller',
    right: 'play no part',
    checks: [
      { file: 'test/cli/run.test.ts', titles: ['loads no plugin'] },
      { file: FAULTS, titles: ['settings and programs of the caller'] },
      { file: 'test/model/environment.test.ts' },
    ],
  },
  {
    name: '4. names and words that act on a terminal',
    right: 'one printer writes them out, on both streams',
    checks: [
      { file: OUTPUTS, titles: ['nothing that a terminal obeys'] },
      { file: 'test/model/visible.test.ts' },
    ],
  },
  {
    name: '5. documents that make no sense',
    right: 'a clear error that says where and what to do',
    checks: [{ file: 'test/fuzz/fuzz.test.ts', titles: ['rules nested', 'a body of JSON'] }],
  },
  {
    name: '6. a full temporary folder',
    right: 'refused beforehand; a trace that fills it ends, reports what it saw, and says so',
    checks: [{ file: FAULTS, titles: ['a temporary folder'] }],
  },
  {
    name: '7. outputs that cannot be written',
    right: 'refused before the trace',
    checks: [
      { file: OUTPUT_FILES, titles: ['what cannot be written is refused beforehand'] },
      { file: OUTPUTS, titles: ['outputs that are one and the same place'] },
    ],
  },
  {
    name: '8. nohup, grandchildren, and limits of files, sizes, addresses, processes, descriptors',
    right: 'honoured, ended, and told with the remedy; 256 descriptors are enough',
    checks: [
      { file: OUTPUTS, titles: ['nohup is honoured'] },
      { file: COMMAND, titles: ['what the command leaves behind', 'a stop ends the command'] },
      { file: FAULTS, titles: ['256 descriptors', 'files that may not grow', 'little memory'] },
    ],
  },
  {
    name: '9. rights that are missing',
    right: 'the capability is named, with the right remedy',
    checks: [
      {
        file: FAULTS,
        titles: ['CAP_SYS_ADMIN alone', 'the five capabilities', 'the capability that is missing'],
      },
      { file: 'test/host/checks.test.ts', titles: ['rights:'] },
    ],
  },
  {
    name: '10. a device with odd bytes in its name',
    right: 'hides no other name',
    checks: [{ file: 'test/host/links.test.ts', titles: ['one device whose name'] }],
  },
  {
    name: '11. a bpftrace that dies, aborts, is stopped, lies, floods or hangs',
    right: 'what was seen is reported, what is missing is said, none survives',
    checks: [
      { file: DISTURBED, titles: ['a bpftrace that is killed or stopped'] },
      { file: FAKES },
    ],
  },
  {
    name: '11. a storm of events',
    right: 'losses are told and lower the verdict, memory is bounded',
    checks: [{ file: DISTURBED, titles: ['a storm'] }],
  },
  {
    name: '11. a clock that is set, a machine that sleeps',
    right: 'told, and times are those of the start',
    checks: [
      { file: DISTURBED, titles: ['a clock that is set'] },
      { file: 'test/host/clocks.test.ts' },
    ],
  },
  {
    name: '11. an engine that hangs',
    right: 'costs a few seconds, and the answer says what is not known',
    checks: [
      { file: DISTURBED, titles: ['an engine that accepts'] },
      {
        file: 'test/host/docker.test.ts',
        titles: ['an engine that hangs', 'an engine that accepts', 'an engine that begins'],
      },
    ],
  },
  {
    name: 'the package: installed into a path with spaces, used by a plain user; the unit of systemd',
    right: 'doctor, read, explain and demo work; systemd accepts the unit',
    checks: [
      { file: 'test/lab/demo.live.ts', titles: ['the packed package'] },
      { file: 'test/bin/unit.test.ts' },
    ],
  },
];
