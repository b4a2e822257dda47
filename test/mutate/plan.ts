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
const WORDS = ['words', 'packet-words', 'describe'];

export const FOLDERS: readonly Folder[] = [
  { name: 'decode', files: ['src/decode/**/*.ts'], tests: 'test/decode/**/*.test.ts' },
  {
    name: 'rules',
    files: ['src/rules/evaluate/**/*.ts'],
    tests: 'test/rules/{evaluate,routing,findings}/**/*.test.ts',
  },
  {
    name: 'correlate',
    files: ['src/correlate/**/*.ts'],
    tests: 'test/{correlate,prove,worlds}/**/*.test.ts',
  },
  {
    name: 'prove',
    files: ['src/prove/**/*.ts', ...WORDS.map((name) => `!src/prove/**/${name}.ts`)],
    tests: 'test/{prove,worlds}/**/*.test.ts',
  },
];

/** Thousands of seeds each: they would take most of the time, and find little that the others do not. */
export const LEFT_OUT = 'test/**/*never-wrong*.test.ts';

/** Milliseconds of processor time: a test that takes longer judges no mutants. */
export const SLOWEST = 150;
