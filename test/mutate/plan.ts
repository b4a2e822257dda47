/** What is mutated, by folder, and by which tests it is judged. */

/** A folder of src that a score is given for. */
export interface Folder {
  readonly name: string;
  /** Globs; those that begin with `!` leave out again. */
  readonly files: readonly string[];
  /** Glob of the test files whose tests judge it. */
  readonly tests: string;
}

/** What only makes sentences: their wording is no behaviour that a unit test should hold. */
const WORDS = ['words', 'packet-words'];

export const FOLDERS: readonly Folder[] = [
  { name: 'decode', files: ['src/decode/**/*.ts'], tests: 'test/decode/**/*.test.ts' },
  {
    name: 'rules',
    files: ['src/rules/evaluate/**/*.ts'],
    tests: 'test/rules/{cases,{evaluate,routing,findings}/**/*}.test.ts',
  },
  {
    name: 'correlate',
    files: ['src/correlate/**/*.ts'],
    // What is drawn are the journeys that it makes: which of them are possible is tested there.
    tests: 'test/{{correlate,prove,worlds}/**/*,render/{possible,drawn}}.test.ts',
  },
  {
    name: 'prove',
    files: ['src/prove/**/*.ts', ...WORDS.map((name) => `!src/prove/**/${name}.ts`)],
    tests: 'test/{prove,worlds}/**/*.test.ts',
  },
];

/** Thousands of seeds each: they would take most of the time, and find little that the others do not. */
export const LEFT_OUT = 'test/**/{*never-wrong*,captures-damaged}.test.ts';

/** How many seeds judge a mutant, of the tests that otherwise take hundreds and thousands. */
export const SEEDS = {
  TRACE_FLOW_WORLDS: '40',
  TRACE_FLOW_WIRE_SEEDS: '60',
  TRACE_FLOW_JOURNEYS: '100',
};

/**
 * Milliseconds of processor time: a test that takes longer judges no mutants. Far above what any of the others needs, so that the
 * choice is the same on a busy machine.
 */
export const SLOWEST = 4000;

/** Milliseconds of processor time for one mutant; nearly all tests that meet it fit in. */
export const PATIENCE = 2000;

/** Milliseconds by the clock after which a mutant counts as endless. Loops are ended by counting their passes long before. */
export const ENDLESS = 60_000;

/** How long the first run of all tests may take by the clock. */
export const FIRST_RUN_MINUTES = 30;
