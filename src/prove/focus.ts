/** A report on some of a report's connections, with the verdict that those deserve. */
import type { Report } from '../model/report.js';
import { sumUp } from './sum-up.js';

export function focusReport(report: Report, ids: readonly number[]): Report {
  const connections = report.connections.filter(({ id }) => ids.includes(id));
  const ports = report.target.ports.filter((port) =>
    connections.some(({ server, container }) => server?.port === port || container?.port === port),
  );
  return {
    ...report,
    target: { ...report.target, ports: ports.length > 0 ? ports : report.target.ports },
    connections,
    verdict: sumUp(connections, report.coverage),
    ...(report.findings && {
      findings: report.findings.filter((finding) =>
        finding.connections.some((id) => ids.includes(id)),
      ),
    }),
  };
}
