/** Lays out a report as the scene that the terminal, the SVG and Mermaid draw. */
import type { Report } from '../../model/report.js';
import { writeCoverage } from '../../words/coverage.js';
import { writeHeadline, type HeadlineWords } from '../../words/headline.js';
import { plural } from '../../words/numbers.js';
import { printable } from '../text.js';
import { layOutConnection } from './panel.js';
import type { Scene } from './scene.js';
import { chooseConnections, summarise } from './summary.js';
import { listWays } from './ways.js';

/** Up to this many connections need no summary: their headings say the same. */
const FEW = 3;

/** Lays out a report with at most `panels` connections in full; more than `FEW` connections also get a summary. */
export function layOut(report: Report, { panels }: { panels: number }): Scene {
  const { connections, verdict, target } = report;
  const { warnings, good } = writeCoverage(report);
  const source = report.source === 'live' ? 'live trace' : report.source;
  const groups = summarise(connections);
  const fits = connections.length <= panels;
  const chosen = fits ? null : chooseConnections(groups, panels);
  const shown = chosen ? connections.filter(({ id }) => chosen.has(id)) : connections;
  return {
    subject:
      printable((target.ports.length > 0 ? target.ports : target.containers).join(', ')) ||
      'all ports',
    reason: printable(verdict.reason),
    headline: printHeadline(verdict),
    about: `${source} · ${plural(connections.length, 'connection')}`,
    summary: connections.length > FEW ? groups : [],
    panels: shown
      .slice(0, Math.max(0, panels))
      .map((connection) => layOutConnection(connection, report.places)),
    ...listWays(connections, report.places),
    connections: connections.length,
    seen: verdict.headline.connections,
    warnings: warnings.map(printable),
    complete: printable(good),
  };
}

function printHeadline({ headline, proof }: Report['verdict']): HeadlineWords {
  const { subject, tone, outcome, way, notes, fix } = writeHeadline(headline, proof);
  return {
    subject: printable(subject),
    tone,
    outcome: printable(outcome),
    way,
    notes: notes.map(printable),
    fix: fix === null ? null : printable(fix),
  };
}
