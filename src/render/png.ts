/** Renders an SVG picture as PNG, for programs that draw no SVG; the renderer is loaded when called. */
import type * as Renderer from '@resvg/resvg-js';
import { UserError } from '../model/errors.js';

/** Twice as many pixels as the SVG has, so that small text stays sharp. */
const SCALE = 2;
/** The longest side in pixels that viewers accept. */
const MOST_PIXELS = 16_000;

/**
 * @param svg a document of this program, with its size in pixels
 * @param loadSystemFonts false draws without any font, for tests
 * @throws UserError if the platform has no renderer, or no font is installed
 */
export async function renderPng(svg: string, loadSystemFonts = true): Promise<Buffer> {
  const { Resvg } = await loadRenderer();
  const font = {
    loadSystemFonts,
    defaultFontFamily: 'DejaVu Sans',
    sansSerifFamily: 'DejaVu Sans',
    monospaceFamily: 'DejaVu Sans Mono',
  };
  const plain = new Resvg(svg, { font });
  if (!drawsText(Resvg, font)) {
    throw new UserError('no font was found, so that the picture would have no text', {
      code: 'no-font',
      exit: 1,
      remedy: 'install fonts, e.g. apt-get install fonts-dejavu-core, or use --svg',
    });
  }
  const scale = Math.min(SCALE, MOST_PIXELS / Math.max(plain.width, plain.height));
  const scaled = new Resvg(svg, { font, fitTo: { mode: 'zoom', value: scale } });
  return scaled.render().asPng();
}

async function loadRenderer(): Promise<typeof Renderer> {
  try {
    return await import('@resvg/resvg-js');
  } catch {
    throw new UserError(
      'PNG cannot be drawn here: @resvg/resvg-js has no build for this platform',
      {
        code: 'no-renderer',
        exit: 1,
        remedy: 'use --svg',
      },
    );
  }
}

/** Whether there is a font: draws one letter and looks for its outline. */
function drawsText(Resvg: typeof Renderer.Resvg, font: object): boolean {
  const letter =
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="8">M</text></svg>';
  return new Resvg(letter, { font }).getBBox() !== undefined;
}
