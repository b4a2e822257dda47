/** `npm run fuzz [-- --tries 100000 --seed N --only NAME --json]`: mutations of every document and parser, until something is found. */
import { parseArgs } from 'node:util';
import { fuzz } from './run.js';

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    only: { type: 'string', default: '' }, // a regular expression over the names of targets
    json: { type: 'boolean', default: false }, // a line of JSON for each target
  },
});

let [tries, found] = [0, 0];
await fuzz(Number(values.tries), Number(values.seed), new RegExp(values.only), (tried) => {
  tries += tried.tries;
  if (tried.found !== null) found += 1;
  if (values.json) {
    console.log(JSON.stringify(tried));
    return;
  }
  const result = tried.found === null ? 'nothing found' : `FOUND\n${tried.found}`;
  console.log(`${tried.name}: ${tried.tries} tries, ${tried.refused} refused, ${result}`);
});
if (!values.json) console.log(`${tries} tries with seed ${values.seed}, ${found} found`);
if (found > 0 || tries === 0) process.exitCode = 1;
