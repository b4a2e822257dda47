/** Defines the look: colours for light and dark, fonts, line styles; only as classes, which any viewer can apply. */

/** Every colour has its own name; text colours keep a contrast of 4.5 to `paper` and `band` in both schemes. */
export const COLOURS = {
  paper: ['#ffffff', '#0d1117'],
  band: ['#f4f6f9', '#161c26'],
  edge: ['#d0d7de', '#3d444d'],
  lane: ['#b1bac4', '#515a66'],
  ink: ['#1f2328', '#e6edf3'],
  muted: ['#57606a', '#9da7b3'],
  request: ['#0757ba', '#79b8ff'],
  reply: ['#116329', '#6fdd8b'],
  relay: ['#8a4600', '#f0a657'],
  process: ['#5b4a00', '#e3c15b'],
  nat: ['#6b2fb8', '#cfa5ff'],
  bad: ['#b0161f', '#ff9492'],
  good: ['#116329', '#6fdd8b'],
  unsure: ['#7d4e00', '#f0b44f'],
} as const;

export type Colour = keyof typeof COLOURS;

const PROSE =
  'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","DejaVu Sans",sans-serif';
const MONO =
  'ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace';

/** The style sheet of the picture. It is light unless a screen asks for dark, so print is light. */
export function styleSheet(): string {
  return [
    '.trace-flow{max-width:100%;height:auto}',
    '.trace-flow:root{display:block;margin:0 auto}',
    `.trace-flow text{font-family:${PROSE};white-space:pre}`,
    `.trace-flow .mono{font-family:${MONO}}`,
    '.trace-flow .strong{font-weight:600}',
    '.trace-flow .hollow{fill:none}',
    '.trace-flow .thin{stroke-width:1}',
    '.trace-flow .shaft{stroke-width:1.8}',
    '.trace-flow .thick{stroke-width:3}',
    '.trace-flow .implied{stroke-dasharray:2 4}',
    '.trace-flow .dashed{stroke-dasharray:5 4}',
    '.trace-flow .halo{paint-order:stroke;stroke-width:4;stroke-linejoin:round}',
    ...colourRules(0),
    '@media screen and (prefers-color-scheme:dark){',
    ...colourRules(1),
    '}',
  ].join('\n');
}

function colourRules(scheme: 0 | 1): string[] {
  const page = `.trace-flow:root{background:${COLOURS.paper[scheme]}}`;
  const rules = Object.entries(COLOURS).flatMap(([name, values]) => [
    `.trace-flow .f-${name}{fill:${values[scheme]}}`,
    `.trace-flow .s-${name}{stroke:${values[scheme]}}`,
  ]);
  return [page, ...rules];
}
