/** Devices as a person reads them: the list, and one of them beside its profile. */

import type { CommandOutput } from '../control/commands.ts';
import { wrapText } from '../core/break-lines.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import { formatTable, formatTime } from './output.ts';

type Row = CommandOutput<'devices.list'>[number];
type Detail = CommandOutput<'devices.show'>;

const STANDING: Record<Row['standing'], string> = {
  config: 'in the config',
  approved: 'approved',
  held: 'waits',
  seen: 'unknown',
  found: 'found',
};

export function listTable(rows: readonly Row[], width: number | null): string {
  return formatTable(
    ['DEVICE', 'ADDRESS', 'STANDING', 'LAST SEEN', 'TLS', 'PROFILE', 'HELD'],
    rows.map((row) => [
      row.id ?? row.model ?? '-',
      row.address ?? '-',
      STANDING[row.standing],
      row.lastSeenAt === null ? '-' : formatTime(row.lastSeenAt),
      tlsCell(row.tls),
      profileCell(row),
      row.held === 0 ? '-' : String(row.held),
    ]),
    rows.map(noteOf),
    width,
  );
}

function tlsCell(tls: Row['tls']): string {
  if (tls === null) return '-';
  return tls === 'none' ? 'plain text' : tlsVersionInWords(tls);
}

function profileCell({ profile, origin, likely }: Row): string {
  if (profile !== null) return origin === 'identified' ? `${profile} (recognised)` : profile;
  return likely === null ? '-' : `${likely}?`;
}

/** Why it has the profile, where nobody gave it one. */
function noteOf({ origin, why, firmware }: Row): string {
  if (origin === 'given') return '';
  return firmware === null ? why : `${why} Its firmware is ${firmware}.`;
}

/** What to do next, where something waits. */
export function hintOf(rows: readonly Row[]): string | null {
  const waiting = rows.find(({ standing }) => standing === 'held');
  if (waiting !== undefined)
    return `Let it in and release its mail: scanferry devices approve ${waiting.address}`;
  const left = rows.find(({ held }) => held > 0);
  return left === undefined ? null : `Release what waits of it: scanferry devices approve ${left.id}`;
}

export function formatDetail(detail: Detail, width: number | null): string {
  const { id, name, address, standing, model, firmware, profile, origin, likely, why, approved } = detail;
  const source = origin === 'identified' ? 'recognised, so it makes the box kinder, never stricter' : 'given';
  const facts = [
    ['Device', [id ?? 'no id', ...(name === null ? [] : [`(${name})`])].join(' ')],
    ['Address', address ?? 'unknown'],
    ['Standing', standingOf(STANDING[standing], approved)],
    ...(model === null ? [] : [['Model', model]]),
    ...(firmware === null ? [] : [['Firmware', firmware]]),
    ['Profile', profile === null ? 'none in force' : `${profile} (${source})`],
    ...(likely === null ? [] : [['Likely', `${likely}, not certain enough to be applied`]]),
    ['Why', why],
    ['Last seen', detail.lastSeenAt === null ? 'never' : formatTime(detail.lastSeenAt)],
    ...(detail.refusal === null ? [] : [['Refused', refusalText(detail.refusal)]]),
    ['Held', detail.held === 0 ? 'nothing' : `${detail.held} messages`],
  ];
  const head = facts.map(
    ([label = '', text = '']) => `${label.padEnd(10)}${wrapText(text, 10, width ?? undefined).trimStart()}`,
  );
  return [...head, '', overlayTable(detail, width)].join('\n');
}

function refusalText({ at, cause, advice, isOver }: NonNullable<Detail['refusal']>): string {
  const since = isOver ? ' A message of it was accepted since.' : '';
  return `${formatTime(at)}: ${cause} ${advice}${since}`;
}

function standingOf(word: string, approved: Detail['approved']): string {
  return approved === null ? word : `${word} by ${approved.by}, ${formatTime(approved.at)}`;
}

function overlayTable({ overlay }: Detail, width: number | null): string {
  return formatTable(
    ['', 'THE PROFILE SAYS', 'MEASURED', 'THE BOX DOES'],
    overlay.map(({ what, file, measured, applied, isOverridden }) => [
      what,
      file ?? '-',
      measured ?? '-',
      isOverridden ? `${applied} (as measured)` : applied,
    ]),
    [],
    width,
  );
}
