/** Shows the chosen connection: heading, timeline, the lit packet's hops, the claims, why. */
import type { Connection, Report } from '../../../model/report.js';
import { elapsed, formatDuration, formatEvents, formatMoment } from '../../../words/numbers.js';
import { layOutConnection } from '../../layout/panel.js';
import type { EvidenceLine, Panel } from '../../layout/scene.js';
import { EVIDENCE_SIGNS, OUTCOME_SIGNS, tellOutcome } from '../../signs.js';
import { printable } from '../../text.js';
import { element } from './dom.js';
import type { Lighting } from './light.js';
import { showPrediction } from './prediction.js';
import { createTimeline } from './timeline.js';

const MEANINGS = { good: 'good', bad: 'bad', unsure: 'cannot be known' } as const;

/** At most this many lit hops are listed; the others are counted. */
const MOST_LISTED = 60;

/** Shows a connection in `section`, replacing the previous one. */
export function showConnection(
  section: HTMLElement,
  connection: Connection,
  { places, findings = [] }: Report,
  lighting: Lighting,
): void {
  const panel = layOutConnection(connection, places);
  const timeline = createTimeline(connection, panel, lighting);
  const heading = ` ${panel.protocol} ${panel.route.join(' → ')}`;
  const link = element(
    'a',
    { href: `#${panel.id}`, title: 'Link to this connection' },
    `#${panel.id}`,
  );
  section.replaceChildren(
    element('h2', { id: 'connection', tabindex: -1 }, [link, heading]),
    element('p', {}, [
      element('strong', { class: OUTCOME_SIGNS[panel.outcome].mark }, tellOutcome(panel.outcome)),
      ` · ${panel.path} (${panel.proof})`,
    ]),
    element('p', {}, panel.reason),
    element('p', { class: 'muted' }, describe(panel)),
    timeline.element,
    listLit(connection, lighting),
    element('h3', {}, 'Evidence: choose a claim to light up its events'),
    listClaims(panel.evidence, lighting),
    ...showPrediction(connection, findings),
    ...(panel.why
      ? [element('h3', {}, 'Why'), element('p', { class: 'why mono' }, panel.why)]
      : []),
    ...(panel.rules
      ? [element('h3', {}, 'Rules met by first packets'), listLines(panel.rules)]
      : []),
    ...(panel.functions
      ? [
          element('h3', {}, 'Functions and hooks of the kernel that first packets went through'),
          listLines(panel.functions),
        ]
      : []),
  );
  timeline.settle();
}

function listLines(lines: readonly string[]): HTMLElement {
  const list = element('ol', { class: 'mono' });
  list.append(...lines.map((line) => element('li', {}, line)));
  return list;
}

function describe({ facts, started }: Panel): string {
  const began = started === null ? [] : [`began ${formatMoment(started)}`];
  return [...facts, ...began].join(' · ');
}

/** Lists the hops of the lit packet with their addresses, so that it can be followed through NAT and relay. */
function listLit({ hops }: Connection, lighting: Lighting): HTMLElement {
  const hint =
    'Point at a packet, or go to it by tab and arrow keys, to follow it over all its hops. Escape clears.';
  const list = element('ol');
  const title = element('div', { class: 'muted' }, hint);
  lighting.onChange((events) => {
    const lit = hops.filter(({ event }) => events.has(event));
    const first = lit[0];
    title.textContent = first === undefined ? hint : `${lit.length} events`;
    list.replaceChildren(
      ...lit.slice(0, MOST_LISTED).map((hop) => {
        const since = formatDuration(elapsed(first?.time ?? hop.time, hop.time));
        const way = hop.direction === null ? '' : ` ${hop.direction}`;
        const by = hop.process ? ` by ${hop.process.command} (pid ${hop.process.pid})` : '';
        const text = `${hop.event} · +${since} · ${hop.namespace}: ${hop.interface}${way}${by} · ${hop.source} → ${hop.destination} · ${hop.summary}`;
        return element('li', {}, printable(text));
      }),
    );
    if (lit.length > MOST_LISTED) {
      list.append(element('li', {}, `… ${lit.length - MOST_LISTED} more in the table of events`));
    }
  });
  return element(
    'div',
    { class: 'hops', tabindex: 0, role: 'region', 'aria-label': 'Lit events' },
    [title, list],
  );
}

function listClaims(claims: readonly EvidenceLine[], lighting: Lighting): HTMLElement {
  const items = claims.map((claim) => {
    const numbers = claim.events.length === 0 ? '' : ` [${formatEvents(claim.events)}]`;
    const choose = element('button', { type: 'button', 'aria-pressed': 'false' }, [
      element(
        'span',
        { class: claim.mark, role: 'img', 'aria-label': MEANINGS[claim.mark] },
        EVIDENCE_SIGNS[claim.mark],
      ),
      element('span', {}, claim.claim + numbers),
    ]);
    const isPinned = (): boolean =>
      claim.events.length > 0 &&
      lighting.pinned.size === new Set(claim.events).size &&
      claim.events.every((event) => lighting.pinned.has(event));
    choose.addEventListener('click', () => lighting.pin(isPinned() ? [] : claim.events));
    lighting.onChange(() => choose.setAttribute('aria-pressed', String(isPinned())));
    return element('li', {}, [choose]);
  });
  return element('ul', { class: 'claims' }, items);
}
