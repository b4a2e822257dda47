// The linter: types, cycles, and the architecture's layers: who may import whom, and which code is pure.

import { defineConfig } from 'eslint/config';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** A layer of src and the layers it may import, beside itself. A new folder of src needs a line here. */
const LAYERS = {
  model: [],
  decode: ['model'],
  correlate: ['model', 'decode'],
  rules: ['model'],
  words: ['model'],
  prove: ['model', 'correlate', 'rules', 'words'],
  render: ['model', 'prove', 'words'],
  host: ['model', 'rules'],
  capture: ['model', 'decode'],
  lab: ['model', 'host'],
  app: [
    ...[
      'model',
      'decode',
      'correlate',
      'prove',
      'rules',
      'words',
      'render',
      'host',
      'capture',
      'lab',
    ],
  ],
  cli: ['model'],
  commands: ['model', 'render', 'app', 'cli'],
};

/** The parts of src/rules in the order of their work, and those that each may import. */
const RULES = {
  read: [],
  evaluate: [],
  explain: ['evaluate'],
  findings: ['evaluate', 'explain'],
};

/** Code without effects: no system, no clock, no process. It may use these packages only. */
const PURE_FOLDERS = [
  'src/model',
  'src/decode',
  'src/correlate',
  'src/prove',
  'src/rules',
  'src/words',
];
const PURE_FILES = ['src/render/{layout,scene}*.ts', 'src/render/{layout,scene}*/**'];
const PURE_PACKAGES = ['zod', 'ipaddr.js', 'string-width', 'simple-statistics'];

const zones = [
  ...Object.entries(LAYERS).map(([layer, allowed]) => ({
    target: `./src/${layer}`,
    from: './src',
    except: [layer, ...allowed].map((name) => `./${name}`),
    message: `src/${layer} imports only ${['itself', ...allowed].join(', ')}.`,
  })),
  ...Object.entries(RULES).map(([part, allowed]) => ({
    target: `./src/rules/${part}`,
    from: './src/rules',
    except: [part, ...allowed].map((name) => `./${name}`),
    message: `src/rules/${part} imports of the rules only ${['itself', ...allowed].join(', ')}.`,
  })),
  { target: './src', from: './test', message: 'Nothing in src imports a test.' },
  {
    target: './src/app/!(demo|doctor).ts',
    from: './src/lab',
    message: 'Only demo and doctor use the lab, which changes the machine.',
  },
  {
    target: [...PURE_FOLDERS, ...PURE_FILES].map((path) => `./${path}`),
    from: './node_modules',
    except: PURE_PACKAGES.map((name) => `./${name}`),
    message: `Pure code uses no package but ${PURE_PACKAGES.join(', ')}.`,
  },
];

/** Fields that hold sentences, and what would read a fact out of one: facts travel as codes and fields (see src/words). */
const SENTENCE = '/^(summary|reason|claim|evidence|why|obstacles?|remedy|notes?|meaning)$/';
const READING =
  '/^(includes|split|replace|replaceAll|startsWith|endsWith|match|matchAll|search|indexOf)$/';
/** The kernel's reasons of drops are names, no sentences. */
const NOT_A_NAME = ':not([arguments.0.value=/^[A-Z_]+$/])';
/** Properties stand in their object; a spread that packs several into a line hides them. */
const NO_PACKING = [
  {
    selector: 'ObjectExpression > SpreadElement > ObjectExpression',
    message: 'Write these properties into the object itself.',
  },
];

const NO_READING = [
  `CallExpression[callee.property.name=${READING}][callee.object.property.name=${SENTENCE}]${NOT_A_NAME}`,
  `CallExpression[callee.property.name=${READING}][callee.object.name=${SENTENCE}]${NOT_A_NAME}`,
  `CallExpression[callee.property.name=/^(test|exec)$/][arguments.0.property.name=${SENTENCE}]`,
  `CallExpression[callee.property.name=/^(test|exec)$/][arguments.0.name=${SENTENCE}]`,
].map((selector) => ({
  selector,
  message:
    'Do not read a sentence to learn a fact: carry a code or a field, and make the words in src/words.',
}));

/** Rooms before src/words, in which there are codes and fields and no sentences. */
const WORDLESS = ['decode', 'correlate', 'rules/{evaluate,explain,findings}', 'prove'];
/** Text in the language of another program, by which routes and routing rules are named. */
const FOREIGN_TEXT = 'src/rules/evaluate/routing/ip-text.ts';
/** Two words of plain language. Errors of the program itself have a message. */
const WORDS = '/(^|[^a-z])[a-z]{2,},? [a-z]|[a-z]{2,} $|^,? [a-z]{2,}/';
const IN_ERROR = 'NewExpression[callee.name=/Error$/]';
const NO_SENTENCE = [
  `Literal[value=${WORDS}]:not(${IN_ERROR} Literal)`,
  `TemplateElement[value.cooked=${WORDS}]:not(${IN_ERROR} TemplateElement)`,
].map((selector) => ({
  selector,
  message: 'Sentences are made in src/words: here a code with fields stands for one.',
}));
const IMPURE_GLOBALS = [
  'process',
  'console',
  'fetch',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
];

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'samples/', '.tools/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.recommendedTypeChecked,
  {
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver()],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/extensions': ['.ts', '.js'],
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      'import-x/no-cycle': 'error',
      'import-x/no-self-import': 'error',
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-constant-condition': ['error', { checkLoops: false }],
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-unreachable-loop': 'error',
      'no-unsafe-finally': 'error',
    },
  },
  {
    files: ['src/**'],
    rules: { 'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }] },
  },
  {
    files: ['src/**'],
    ignores: ['src/cli/**', 'src/commands/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        ...['stdout', 'stderr', 'exit', 'exitCode'].map((property) => ({
          object: 'process',
          property,
          message: 'Effects arrive as parameters; only src/cli and src/commands own the process.',
        })),
      ],
    },
  },
  {
    files: [...PURE_FOLDERS.map((folder) => `${folder}/**`), ...PURE_FILES],
    rules: {
      'import-x/no-nodejs-modules': 'error',
      'no-restricted-globals': ['error', ...IMPURE_GLOBALS],
    },
  },
  {
    files: ['src/**'],
    rules: { 'no-restricted-syntax': ['error', ...NO_READING, ...NO_PACKING] },
  },
  {
    files: WORDLESS.map((room) => `src/${room}/**`),
    ignores: [FOREIGN_TEXT],
    rules: { 'no-restricted-syntax': ['error', ...NO_READING, ...NO_SENTENCE, ...NO_PACKING] },
  },
  { files: ['test/**'], rules: { 'no-restricted-syntax': ['error', ...NO_PACKING] } },
  {
    files: ['test/**'],
    ignores: ['test/support/suite.ts', 'test/support/fixtures-runner/foreign.fixture.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { name: 'uvu', message: 'Import `suite` from test/support/suite.js.' },
      ],
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
