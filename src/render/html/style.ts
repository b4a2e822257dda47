/** The style of the HTML report: the pictures' colours, light or dark like the reader's system, light in print. */
import { COLOURS, styleSheet } from '../svg/style.js';

/** The style sheet of the page, and of the timelines inside. */
export function pageStyle(): string {
  return [
    styleSheet(),
    `:root{color-scheme:light dark;${variables(0)}}`,
    `@media screen and (prefers-color-scheme:dark){:root{${variables(1)}}}`,
    PAGE,
    PRINT,
  ].join('\n');
}

function variables(scheme: 0 | 1): string {
  return Object.entries(COLOURS)
    .map(([name, values]) => `--${name}:${values[scheme]}`)
    .join(';');
}

const PAGE = `
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem 1.5rem 3rem;max-width:120rem;background:var(--paper);color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
h1{font-size:1.6rem;margin:0 1rem 0 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .5rem;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1rem 0 .3rem}
p{margin:.3rem 0;max-width:100ch;overflow-wrap:anywhere}
.head{display:flex;flex-wrap:wrap;align-items:center}
.good{color:var(--good)}.unsure{color:var(--unsure)}.bad{color:var(--bad)}.muted{color:var(--muted)}
.mono:not(text),td,.hops{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;font-size:.86rem}
section{border-top:1px solid var(--edge);margin-top:1.2rem;padding-top:1rem}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.3rem .6rem;z-index:2}
.bar{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:center;margin:.4rem 0}
.bar label{display:inline-flex;gap:.4rem;align-items:center}
button,input,select{font:inherit;color:inherit;background:var(--band);border:1px solid var(--muted);border-radius:.35rem;padding:.15rem .55rem}
input[type=search]{min-width:16rem}
button{cursor:pointer}
button:disabled{color:var(--muted);cursor:default}
button:hover:not(:disabled){border-color:var(--request)}
:focus-visible{outline:3px solid var(--request);outline-offset:1px}
.scroll{overflow:auto;border:1px solid var(--edge);border-radius:.4rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.15rem .45rem;border-bottom:1px solid var(--edge);vertical-align:top}
td{max-width:20rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
th{background:var(--band);white-space:nowrap}
th button{border:0;background:none;padding:0;font-weight:600}
td.number,th.number{text-align:right;white-space:nowrap}
td button{padding:0 .4rem}
.beside td{white-space:normal;overflow-wrap:anywhere}
tr.chosen td{background:var(--band);font-weight:600;box-shadow:inset 0 2px var(--request),inset 0 -2px var(--request)}
tr.lit td,li.lit-place{background:var(--band)}
tr.lit td:first-child,li.lit-place{box-shadow:inset 4px 0 var(--nat)}
g.lit-place>rect{stroke:var(--nat);stroke-width:3}
.plot{max-height:80vh;padding:.5rem;background:var(--paper)}
.plot svg.trace-flow{max-width:none;display:block;margin:0 auto}
.picture{display:block;margin:0 0 1rem;max-width:100%;height:auto}
[data-connection]{cursor:pointer}
a{color:var(--request)}
header .picture{margin:.6rem 0 0}
summary{cursor:pointer;margin:.4rem 0}
.row{cursor:pointer}
.row:focus{outline:none}
.row .glow{fill:transparent;stroke:none}
.row.lit .glow{fill:var(--paper);stroke:var(--nat);stroke-width:2}
.row:focus-visible .glow{stroke:var(--request);stroke-width:3}
.hops{height:9.5rem;overflow:auto;border:1px solid var(--edge);border-radius:.4rem;margin:.5rem 0;padding:.4rem .8rem;background:var(--band)}
.hops ol{margin:0;padding:0;list-style:none}
.claims{list-style:none;margin:0;padding:0}
.claims button{display:flex;gap:.6rem;text-align:left;width:100%;background:none;border-color:transparent;border-left:4px solid transparent;border-radius:0}
.claims button[aria-pressed=true]{background:var(--band);border-left-color:var(--nat)}
.why{border:1px solid var(--edge);border-radius:.4rem;background:var(--band);padding:.5rem .8rem;max-width:none}
.map{display:flex;flex-wrap:wrap;gap:1rem;list-style:none;margin:0;padding:0}
.map>li{border:1px solid var(--edge);border-radius:.5rem;background:var(--band);padding:.5rem .8rem;min-width:14rem;max-width:30rem}
.map ul{list-style:none;margin:.3rem 0 0;padding:0}
.map ul li{border-top:1px solid var(--edge);padding:.2rem .5rem;overflow-wrap:anywhere}
@media (max-width:60rem){body{padding:.6rem .8rem 2rem}}
`;

const PRINT = `
@media print{
  body{padding:0;font-size:10pt}
  .bar,.skip,.hops{display:none}
  .scroll,.plot{overflow:visible;max-height:none;border:0}
  .plot svg.trace-flow{width:100%;height:auto}
  td{white-space:normal;overflow-wrap:anywhere}
  section,.claims li{break-inside:avoid-page}
  section.long{break-inside:auto}
}`;
