/** Narrows a report to some of its connections and draws the verdict anew from these. */
import type { Report } from '../../model/report.js';
import { findHeadline } from './headline.js';
import { findStatistics } from '../timing/statistics.js';
import { sumUp } from './verdict.js';

export function focusReport(report: Report, ids: readonly number[]): Report {
  const connections = report.connections.filter(({ id }) => ids.includes(id));
  const ports = report.target.ports.filter((port) =>
    connections.some(({ server, container }) => server?.port === port || container?.port === port),
  );
  const findings = report.findings?.filter((finding) =>
    finding.connections.some((id) => ids.includes(id)),
  );
  const target = { ...report.target, ports: ports.length > 0 ? ports : report.target.ports };
  const headline = findHeadline({
    connections,
    target,
    faults: findings ?? [],
    unpublished: report.verdict.headline.unpublished,
  });
  return {
    ...report,
    target,
    connections,
    statistics: findStatistics(connections),
    verdict: sumUp(connections, headline, { ...report.coverage, source: report.source }),
    ...(findings && { findings }),
  };
}
