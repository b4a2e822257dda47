/** Shows for a connection what was predicted from the host's rules beside what was seen. */
import type { Connection, ReportFinding } from '../../../model/report.js';
import { printable } from '../../text.js';
import { element } from './dom.js';

/** A table of both with the deciding rule, and the findings on what differs; nothing without a prediction. */
export function showPrediction(
  connection: Connection,
  findings: readonly ReportFinding[],
): HTMLElement[] {
  const { predicted, path, outcome, container, server } = connection;
  if (!predicted) return [];
  const answer = predicted.agrees === null ? 'cannot tell' : predicted.agrees ? 'yes' : 'no';
  const look = predicted.agrees === null ? 'unsure' : predicted.agrees ? 'good' : 'bad';
  const target = container ?? server;
  const rows = [
    ['path', predicted.path, `${path}, ${outcome}`],
    [
      'ends at',
      predicted.target ?? 'not known',
      target ? `${target.address}:${target.port}` : 'not seen',
    ],
    ['why', predicted.why, connection.reason],
    ['rule', predicted.rule ?? 'no rule decides', connection.why ?? ''],
  ];
  return [
    element('h3', {}, 'Prediction beside observation'),
    element('p', {}, ['As predicted: ', element('strong', { class: look }, answer)]),
    element('div', { class: 'scroll' }, [
      element('table', { class: 'beside', 'aria-label': 'Prediction beside observation' }, [
        element('thead', {}, [
          element(
            'tr',
            {},
            ['', 'predicted', 'seen'].map((text) => element('th', { scope: 'col' }, text)),
          ),
        ]),
        element(
          'tbody',
          {},
          rows.map(([head = '', ...cells]) =>
            element('tr', {}, [
              element('th', { scope: 'row' }, head),
              ...cells.map((text) => element('td', {}, printable(text))),
            ]),
          ),
        ),
      ]),
    ]),
    ...findings
      .filter(({ connections }) => connections.includes(connection.id))
      .map(({ evidence, remedy }) =>
        element('p', { class: 'bad' }, printable(`${evidence}. ${remedy}`)),
      ),
  ];
}
