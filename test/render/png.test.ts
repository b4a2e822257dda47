/** The picture as PNG: its size, that text is drawn, and a clear error where there is no font. */
import * as assert from 'uvu/assert';
import { UserError } from '../../src/model/errors.js';
import { renderPng } from '../../src/render/png.js';
import { renderSvg } from '../../src/render/svg/svg.js';
import { suite } from '../support/suite.js';
import { outsideDnat } from './fixtures/paths.js';

const test = suite('render: PNG');

function svgOf(width: number, height: number, content = ''): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${content}</svg>`;
}

/** Width and height of the header. */
function sizeOf(png: Buffer): number[] {
  assert.is(png.subarray(1, 4).toString('latin1'), 'PNG');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

test('a report has twice the pixels of its SVG', async () => {
  const svg = await renderSvg(outsideDnat());
  const [, width, height] = /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
  assert.equal(sizeOf(await renderPng(svg)), [Number(width) * 2, Number(height) * 2]);
});

test('a very long picture stays within what viewers take', async () => {
  const [width = 0, height = 0] = sizeOf(await renderPng(svgOf(100, 40_000)));
  assert.ok(height <= 16_000 && width <= 41, `${width} × ${height}`);
});

test('text leaves marks; without any font it is an error that says what to install', async () => {
  const text = svgOf(90, 20, '<text y="15">proven</text>');
  const [drawn, empty] = [await renderPng(text), await renderPng(svgOf(90, 20))];
  assert.ok(drawn.length > empty.length + 100, `${drawn.length} and ${empty.length} bytes`);
  try {
    await renderPng(text, false);
    assert.unreachable('no font, no picture');
  } catch (error) {
    assert.instance(error, UserError);
    assert.match((error as UserError).remedy ?? '', 'fonts-dejavu-core');
  }
});

test.run();
