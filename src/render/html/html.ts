/** Renders a report as one HTML file that needs no network: it holds style, script and data, and runs nothing else. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Explanation } from '../../model/explain.js';
import type { Report } from '../../model/report.js';
import { writeHeadline } from '../../words/headline.js';
import { printable } from '../text.js';
import { pageStyle } from './style.js';

/** Made by the build (bin/bundle-page.js) beside this file. */
const SCRIPT = new URL('page.bundle.js', import.meta.url);

/**
 * The whole document, ending in a newline. It shows the events that the report lists.
 * @param host what is known of the host's wiring; null if nothing is
 */
export async function renderHtml(report: Report, host: Explanation | null): Promise<string> {
  const script = (await readFile(SCRIPT, 'utf8')).trim();
  const style = pageStyle();
  const { headline, proof, reason } = report.verdict;
  const words = writeHeadline(headline, proof);
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeText(printable(`${words.subject}: ${words.outcome}`))}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    `<noscript><p>${escapeText(printable(reason))}</p><p>The rest of this report needs JavaScript.</p></noscript>`,
    embed('report', report),
    embed('host', host),
    `<script>${script}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function embed(id: string, data: unknown): string {
  return `<script type="application/json" id="${id}">${escapeJson(JSON.stringify(data))}</script>`;
}

function hashOf(content: string): string {
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Escapes characters so that nothing can end the element or a line; the JSON keeps its meaning. */
function escapeJson(json: string): string {
  return json.replace(
    /[<>&\u007f-\u009f\u2028\u2029\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
