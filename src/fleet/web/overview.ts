/** The first page: all sites at a glance, filtered, searched and page by page, worst first. */
import { DAY_MS } from '../../core/durations.ts';
import { type Html, html, prose } from '../../pages/html.ts';
import { sparkline } from '../../pages/sparkline.ts';
import { formatAgo, formatCount, formatDuration, formatTime } from '../format.ts';
import type { Point } from '../history.ts';
import { LEVELS, type Level, type SiteRow } from '../types.ts';
import { gradeBadge, LEVEL_WORDS } from './parts.ts';

export interface OverviewQuery {
  search: string;
  level: Level | null;
  page: number;
}

export interface OverviewData {
  rows: readonly SiteRow[];
  query: OverviewQuery;
  now: number;
  /** What waited in the last day, for the sites that are shown. */
  queueCurve(site: string): readonly Point[];
}

const PAGE_ROWS = 50;
const GAP_MS = 30 * 60_000;

export function readQuery(query: URLSearchParams): OverviewQuery {
  const level = query.get('level');
  const page = Number(query.get('page') ?? '1');
  return {
    search: (query.get('search') ?? '').trim().slice(0, 100),
    level: LEVELS.find((one) => one === level) ?? null,
    page: Number.isSafeInteger(page) && page > 0 ? page : 1,
  };
}

export function overview(data: OverviewData): Html {
  const { rows, query } = data;
  const found = rows.filter((row) => isFound(row, query.search));
  const shown = query.level === null ? found : found.filter(({ level }) => level === query.level);
  const pages = Math.max(1, Math.ceil(shown.length / PAGE_ROWS));
  const page = Math.min(query.page, pages);
  const slice = shown.slice((page - 1) * PAGE_ROWS, page * PAGE_ROWS);
  return html`<h1 class="hidden">All sites</h1>
${tiles(found, query)}
<section class="card">
${tools(query)}
${slice.length === 0 ? nothing(rows.length) : table(slice, data, shown.length)}
${pages > 1 && pager(query, page, pages)}
</section>`;
}

/** By id, name or what is wrong. */
function isFound(row: SiteRow, search: string): boolean {
  if (search === '') return true;
  const wanted = search.toLowerCase();
  return [row.site, row.name, row.problem?.cause ?? '', row.version].some((text) =>
    text.toLowerCase().includes(wanted),
  );
}

function tiles(rows: readonly SiteRow[], query: OverviewQuery): Html {
  const counts = countLevels(rows);
  const tile = (level: Level | null, count: number, label: Html) =>
    html`<a class="tile${count === 0 && ' none'}" href="${addressOf({ ...query, level, page: 1 })}"${
      query.level === level && html` aria-current="true"`
    }><b>${formatCount(count)}</b>${label}</a>`;
  return html`<nav class="tiles" aria-label="Sites by state">
${tile(null, rows.length, html`<span class="grade">${rows.length === 1 ? 'Site' : 'Sites'}</span>`)}
${LEVELS.map((level) => tile(level, counts[level], gradeBadge(level)))}
</nav>
${shareBar(counts, rows.length)}`;
}

function countLevels(rows: readonly SiteRow[]): Record<Level, number> {
  const counts = { fail: 0, warn: 0, ok: 0, off: 0 };
  for (const { level } of rows) counts[level] += 1;
  return counts;
}

/** The states as shares of one bar; one site of ten thousand still gets a visible piece. */
function shareBar(counts: Record<Level, number>, total: number): Html | null {
  if (total === 0) return null;
  const widths = LEVELS.map((level) =>
    counts[level] === 0 ? 0 : Math.max(6, (counts[level] / total) * 1000),
  );
  const scale = 1000 / widths.reduce((a, b) => a + b, 0);
  let x = 0;
  const parts = LEVELS.map((level, index) => {
    const width = (widths[index] ?? 0) * scale;
    const part = html`<rect class="${level}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="10"/>`;
    x += width;
    return width === 0 ? null : part;
  });
  const words = LEVELS.map((level) => `${counts[level]} ${LEVEL_WORDS[level].toLowerCase()}`).join(', ');
  return html`<svg class="share" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="${words}">${parts}</svg>`;
}

function tools(query: OverviewQuery): Html {
  return html`<form class="tools" role="search" method="get" action="/" data-filter>
<label class="field grow">Search<input type="search" name="search" value="${query.search}" placeholder="site, name or what is wrong" autocomplete="off"></label>
<label class="field">State<select name="level"><option value="">all</option>${LEVELS.map(
    (level) =>
      html`<option value="${level}"${query.level === level && html` selected`}>${LEVEL_WORDS[level]}</option>`,
  )}</select></label>
<button type="submit">Show</button>
</form>`;
}

function nothing(known: number): Html {
  return known === 0
    ? html`<p>No site has said anything yet. A site appears as soon as its agent is connected to the broker.</p>`
    : html`<p>No site is like this. <a href="/">Show all</a></p>`;
}

function table(rows: readonly SiteRow[], data: OverviewData, total: number): Html {
  return html`<div class="scroll"><table class="stack sites">
<caption>${formatCount(total)} ${total === 1 ? 'site' : 'sites'}, worst first</caption>
<thead><tr><th scope="col">State</th><th scope="col">Site</th><th scope="col" class="number">Waiting</th><th scope="col" class="mini">Last 24 hours</th><th scope="col" class="number">Oldest</th><th scope="col">Last seen</th><th scope="col">What is wrong</th></tr></thead>
<tbody>
${rows.map((row) => tableRow(row, data))}
</tbody></table></div>`;
}

function tableRow(row: SiteRow, { now, queueCurve }: OverviewData): Html {
  const seen =
    row.lastSeenAt !== null &&
    html`<time title="${formatTime(row.lastSeenAt)}">${formatAgo(row.lastSeenAt, now)}</time>`;
  const curve = queueCurve(row.site);
  return html`<tr id="site-${row.site}"><td>${gradeBadge(row.level, row.reach)}</td>
<th scope="row"><a href="/site/${row.site}">${row.name}</a>${row.name !== row.site && html`<br><span class="quiet small">${row.site}</span>`}</th>
<td class="number inline" data-head="Waiting">${row.queue === null ? '' : formatCount(row.queue)}</td>
<td class="mini">${
    curve.length > 0 &&
    sparkline(curve, {
      ...{ from: now - DAY_MS, to: now, gapMs: GAP_MS, width: 128, height: 24 },
      label: `waiting in the last 24 hours, now ${row.queue ?? 'unknown'}`,
    })
  }</td>
<td class="number inline" data-head="Oldest">${row.oldestS === null || row.oldestS === 0 ? '' : formatDuration(row.oldestS * 1000)}</td>
<td class="nowrap inline" data-head="Seen">${seen}</td>
<td>${row.problem !== null && prose(row.problem.cause)}</td></tr>`;
}

function pager(query: OverviewQuery, page: number, pages: number): Html {
  const to = (target: number, label: string) =>
    target >= 1 && target <= pages
      ? html`<a class="button" href="${addressOf({ ...query, page: target })}">${label}</a>`
      : html`<span></span>`;
  return html`<nav class="pages" aria-label="Pages">${to(page - 1, '← Worse')}<span>Page ${page} of ${pages}</span>${to(page + 1, 'Better →')}</nav>`;
}

function addressOf({ search, level, page }: OverviewQuery): string {
  const query = new URLSearchParams();
  if (search !== '') query.set('search', search);
  if (level !== null) query.set('level', level);
  if (page > 1) query.set('page', String(page));
  const text = query.toString();
  return text === '' ? '/' : `/?${text}`;
}
