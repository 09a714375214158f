/** The page of one site: what is wrong and what to do, its numbers over time, devices, events. */
import { type Html, html, prose } from '../../pages/html.ts';
import { sparkline } from '../../pages/sparkline.ts';
import { formatAgo, formatCount, formatTime, formatValue } from '../format.ts';
import { type Point, RANGES, type Range } from '../history.ts';
import { labelOf } from '../metric-names.ts';
import { SERIES } from '../series.ts';
import type { SiteDetail, SiteDevice, SiteEvent, SiteProblem, SiteReading } from '../types.ts';
import { gradeBadge } from './parts.ts';

export interface SiteData {
  site: SiteDetail;
  now: number;
  range: Range;
  curves: Record<string, Point[]>;
  events: readonly SiteEvent[];
  /** Address of the events before these; null when there are none. */
  olderEvents: string | null;
  /** The form for commands and what became of the latest ones; null where no key is at hand. */
  commands: Html | null;
}

export function sitePage(data: SiteData): Html {
  const { site } = data;
  return html`${head(data)}
${problemList(site)}
${curves(data)}
<div class="columns">
${readings(site, 'routes', 'Routes')}
${data.commands}
</div>
${devices(data)}
${eventList(data)}
<details class="card" data-readings><summary>All numbers</summary>${allReadings(site)}</details>`;
}

function head({ site, now }: SiteData): Html {
  const facts: [string, string | Html][] = [
    ['Site', site.site],
    ['Host', [site.host, site.address].filter(Boolean).join(', ')],
    ['Version', site.version],
    ['Running since', site.startedAt === null ? '' : formatTime(site.startedAt)],
    ['Last seen', site.lastSeenAt === null ? '' : formatAgo(site.lastSeenAt, now)],
    ['Waiting', site.queue === null ? '' : formatCount(site.queue)],
  ];
  return html`<section class="card">
<div class="head"><h1>${site.name}</h1>${gradeBadge(site.level, site.reach)}<span class="tabs"><a href="/">All sites</a></span></div>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value === '' ? '–' : value}</dd></div>`)}</dl>
</section>`;
}

function problemList(site: SiteDetail): Html | null {
  // A site that is gone can't say what is wrong now: what it said last comes after that.
  const own = site.problems;
  const isGone = site.problem !== null && !own.some(({ cause }) => cause === site.problem?.cause);
  if (own.length === 0 && !isGone) return null;
  return html`<section class="card" aria-labelledby="problems"><h2 id="problems">What is wrong</h2>
<ul class="problems">
${isGone && site.problem !== null && problemItem({ ...site.problem, grade: site.level === 'off' ? 'off' : 'fail' })}
${own.map(problemItem)}
</ul></section>`;
}

function problemItem({
  cause,
  advice,
  code,
  grade,
}: Omit<SiteProblem, 'grade' | 'key'> & { grade: string }): Html {
  return html`<li class="is-${grade}"><strong>${prose(cause)}</strong><p>${prose(advice)}</p><p class="quiet small mono">${code}</p></li>`;
}

function curves({ site, range, curves: found, now }: SiteData): Html | null {
  const shown = SERIES.filter(({ key }) => (found[key]?.length ?? 0) > 0);
  if (shown.length === 0) return null;
  const { spanMs, stepMs } = RANGES[range];
  const tabs = Object.entries(RANGES).map(
    ([id, { label }]) =>
      html`<a href="/site/${site.site}?range=${id}"${id === range && html` aria-current="true"`}>${label}</a>`,
  );
  return html`<section class="card" aria-labelledby="curves"><div class="spread"><h2 id="curves">Over time</h2><nav class="tabs" aria-label="Span">${tabs}</nav></div>
<div class="curves">${shown.map(({ key, label, unit }) => {
    const points = found[key] ?? [];
    const last = points.at(-1)?.value ?? null;
    const peak = points.reduce((most, { value }) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    const words = `${label}: ${formatValue(last, unit)}, highest ${formatValue(peak, unit)}`;
    return html`<div class="curve"><div class="small quiet">${label}</div><b>${formatValue(last, unit)}</b> <span class="quiet small">highest ${formatValue(peak, unit)}</span>${sparkline(
      points,
      { from: now - spanMs, to: now, gapMs: 3 * stepMs, label: words },
    )}</div>`;
  })}</div></section>`;
}

function readings(site: SiteDetail, family: string, title: string): Html | null {
  const own = site.readings.filter(({ key }) => labelOf(key).family === family);
  if (own.length === 0) return null;
  const things = Map.groupBy(own, ({ key }) => labelOf(key).of ?? '');
  return html`<section class="card"><h2>${title}</h2>
<div class="scroll"><table class="stack"><thead><tr><th scope="col">Route</th><th scope="col">Grade</th><th scope="col">State</th></tr></thead><tbody>
${[...things].map(([of, list]) => html`<tr><th scope="row">${of}</th><td>${gradeBadge(worstOf(list))}</td><td>${facts(list)}</td></tr>`)}
</tbody></table></div></section>`;
}

function worstOf(list: readonly SiteReading[]): 'ok' | 'warn' | 'fail' {
  if (list.some(({ grade }) => grade === 'fail')) return 'fail';
  return list.some(({ grade }) => grade === 'warn') ? 'warn' : 'ok';
}

function facts(list: readonly SiteReading[]): Html[] {
  return list
    .filter(({ value }) => value !== null)
    .map(
      ({ key, value, unit }) =>
        html`<span class="inline"><span class="quiet small">${labelOf(key).label}</span> ${formatValue(value, unit)}</span> `,
    );
}

function devices({ site, now }: SiteData): Html | null {
  if (site.devices.length === 0) return null;
  return html`<section class="card"><h2>Devices</h2>
<div class="scroll"><table class="stack">
<thead><tr><th scope="col">Grade</th><th scope="col">Device</th><th scope="col">Profile</th><th scope="col">Last message</th><th scope="col">Last seen</th><th scope="col" class="number">Delivered</th><th scope="col" class="number">Waiting</th><th scope="col" class="number">Failed</th><th scope="col">TLS</th><th scope="col">What is wrong</th></tr></thead>
<tbody>${site.devices.map((device) => deviceRow(device, now))}</tbody></table></div></section>`;
}

function deviceRow(device: SiteDevice, now: number): Html {
  const ago = (at: number | null) =>
    at !== null && html`<time title="${formatTime(at)}">${formatAgo(at, now)}</time>`;
  return html`<tr><td>${gradeBadge(device.grade)}</td><th scope="row">${device.id}</th>
<td class="nowrap" data-head="Profile">${device.profile}</td><td class="nowrap inline" data-head="Last message">${ago(device.lastMessageAt)}</td>
<td class="nowrap inline" data-head="Last seen">${ago(device.lastSeenAt)}</td>
<td class="number inline" data-head="Delivered">${formatCount(device.delivered)}</td><td class="number inline" data-head="Waiting">${formatCount(device.waiting)}</td>
<td class="number inline" data-head="Failed">${formatCount(device.failed)}</td><td data-head="TLS" class="nowrap">${tlsWord(device.tls)}</td>
<td>${device.problem !== null && html`${prose(device.problem.cause)} <span class="quiet">${prose(device.problem.advice)}</span>`}</td></tr>`;
}

/** `TLS 1.0` for Node's `TLSv1`. */
function tlsWord(tls: string | null): string {
  if (tls === null) return '';
  if (tls === 'none') return 'plain text';
  const version = tls.replace(/^TLSv/, '');
  return `TLS ${version.includes('.') ? version : `${version}.0`}`;
}

function eventList({ events, olderEvents }: SiteData): Html {
  const list =
    events.length === 0
      ? html`<p class="quiet">Nothing yet.</p>`
      : html`<div class="scroll"><table class="stack"><thead><tr><th scope="col">Time at the site</th><th scope="col">Event</th><th scope="col">What it says</th></tr></thead>
<tbody>${events.map(eventRow)}</tbody></table></div>`;
  return html`<section class="card" id="events"><h2>Events</h2>${list}
${olderEvents !== null && html`<p><a href="${olderEvents}">Older events</a></p>`}</section>`;
}

function eventRow({ ts, type, data, seq }: SiteEvent): Html {
  const fields = Object.entries(data).filter(([, value]) => value !== null && value !== '');
  return html`<tr id="event-${ts}-${seq}"><td class="nowrap">${formatTime(ts)}</td><td class="mono nowrap">${type}</td>
<td>${fields.map(([name, value]) => html`<span class="inline"><span class="quiet small">${name}</span> ${shown(name, value)}</span> `)}</td></tr>`;
}

/** Times in events are epoch milliseconds under names that end in At or are `until`. */
function shown(name: string, value: unknown): string {
  if (typeof value === 'number' && /(At|^until)$/.test(name)) return formatTime(value);
  if (typeof value === 'number' && name.endsWith('Ms')) return formatValue(value / 1000, 's');
  if (typeof value === 'number' && /bytes$/i.test(name)) return formatValue(value, 'bytes');
  return typeof value === 'string' ? plainOf(value) : JSON.stringify(value);
}

/** What an event had nested is kept as JSON (event-data.ts): people read its values. */
function plainOf(text: string): string {
  if (!/^[[{]"/.test(text)) return text;
  try {
    return Object.values(JSON.parse(text)).join(' ');
  } catch {
    // It was cut, or no JSON after all.
    return text;
  }
}

function allReadings(site: SiteDetail): Html {
  if (site.readings.length === 0) return html`<p class="quiet">The site has told none yet.</p>`;
  return html`<div class="scroll"><table class="stack"><thead><tr><th scope="col">Grade</th><th scope="col">Number</th><th scope="col">Value</th><th scope="col">Key</th></tr></thead><tbody>
${site.readings.map(({ key, value, unit, grade }) => {
  const { label, of } = labelOf(key);
  return html`<tr><td>${gradeBadge(grade)}</td><th scope="row">${label}${of !== null && html` <span class="quiet">${of}</span>`}</th><td>${formatValue(value, unit)}</td><td class="mono small quiet">${key}</td></tr>`;
})}</tbody></table></div>`;
}
