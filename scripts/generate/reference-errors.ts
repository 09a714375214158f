/** Renders docs/reference/replies.md and errors.md from the tables of the rooms. */

import { HELD_ADVICE } from '../../src/agent/advice.ts';
import { RELOAD_PROBLEMS } from '../../src/agent/problems.ts';
import { PROBLEMS as BACKUP_PROBLEMS } from '../../src/backup/problems.ts';
import { PROBLEMS as CLI_PROBLEMS } from '../../src/cli/problems.ts';
import { PROBLEMS as CONFIG_PROBLEMS } from '../../src/config/errors.ts';
import { PROBLEMS as CONTROL_PROBLEMS } from '../../src/control/problems.ts';
import type { Explanation } from '../../src/core/errors.ts';
import { HELD_PART, joinedPart } from '../../src/core/message-partial.ts';
import { PROBLEMS as DEVICE_PROBLEMS } from '../../src/devices/problems.ts';
import { PROBLEMS as DISCOVERY_PROBLEMS } from '../../src/discovery/problems.ts';
import { EXPLANATIONS as DISPATCH_EXPLANATIONS } from '../../src/dispatch/explanations.ts';
import { PROBLEMS as DOCTOR_PROBLEMS } from '../../src/doctor/problems.ts';
import { PROBLEMS as FLEET_PROBLEMS } from '../../src/fleet/problems.ts';
import { PROBLEMS as HEALTH_PROBLEMS } from '../../src/health/problems.ts';
import { PROBLEMS as INTAKE_PROBLEMS } from '../../src/intake/problems.ts';
import { HELD_UNFINISHED, HELD_UNKNOWN_DEVICE, REPLIES, SILENT_REFUSALS } from '../../src/intake/replies.ts';
import { PROBLEMS as NOTICE_PROBLEMS } from '../../src/notices/problems.ts';
import { PROBLEMS as PAGE_PROBLEMS } from '../../src/pages/problems.ts';
import { PROBLEMS as PACK_PROBLEMS } from '../../src/profiles/pack-problems.ts';
import { PROBLEMS as AGENT_PROBLEMS } from '../../src/program/problems.ts';
import { PROBLEMS as COMMAND_PROBLEMS } from '../../src/report/command-problems.ts';
import { PROBLEMS as BROKER_PROBLEMS } from '../../src/report/problems.ts';
import { MESSAGES } from '../../src/routes/explanations.ts';
import { FAULTS } from '../../src/routes/faults.ts';
import { renderReplyTable } from '../../src/routes/replies.ts';
import {
  REFUSED,
  SIGN_IN_ERRORS,
  SIGN_IN_NEEDED,
  signInWaiting,
  UNAVAILABLE,
} from '../../src/routes/sign-in-errors.ts';
import { PROBLEMS as SETUP_PROBLEMS } from '../../src/setup/problems.ts';
import { PROBLEMS as SHEET_PROBLEMS } from '../../src/sheet/problems.ts';
import { REASONS, PROBLEMS as SPOOL_PROBLEMS } from '../../src/spool/problems.ts';
import { PROBLEMS as SUPPORT_PROBLEMS } from '../../src/support/problems.ts';
import { portTaken } from '../../src/web/web.ts';

export function renderReplies(): string {
  return [
    '# Replies of Microsoft 365',
    '',
    'What a reply means and what the box does then. The first row that fits is taken; what fits none is tried again',
    '(4xx) or told to the operator with the verbatim text (5xx). *pause* and *fix* stop the route and spend no try;',
    '*hold* keeps the message for a person; *split* sends the refused recipients in an envelope of their own.',
    '',
    renderReplyTable(),
    '',
  ].join('\n');
}

interface Section {
  title: string;
  intro: string;
  rows: Explanation[];
}

export function renderErrors(): string {
  return [
    '# Errors',
    '',
    'Every code in logs, events and on the command line.',
    '',
    ...sections().flatMap(renderSection),
  ].join('\n');
}

function sections(): Section[] {
  return [
    {
      title: 'Told to a device',
      intro: 'The sentence goes to the panel of the device; the code stands in the log.',
      rows: [
        ...fromTable({ ...REPLIES, ...SILENT_REFUSALS }),
        ...[HELD_UNKNOWN_DEVICE, HELD_UNFINISHED].map((held) => ({
          ...held,
          advice: HELD_ADVICE[held.code],
        })),
        { ...HELD_PART, advice: 'Nothing: parts that are not whole within ten minutes go on as they came.' },
        { ...joinedPart('…'), advice: '' },
      ],
    },
    { title: 'On the way to Microsoft 365', intro: 'These pause a route.', rows: fromTable(FAULTS) },
    {
      title: 'Signing in',
      intro: 'By the AADSTS number of the sign-in service. These pause a route.',
      rows: [
        ...SIGN_IN_ERRORS.map(({ id, cause, advice }) => ({ code: `route.sign-in.${id}`, cause, advice })),
        signInWaiting('…'),
        SIGN_IN_NEEDED,
        ...fromTable({ 'route.sign-in.unavailable': UNAVAILABLE, 'route.sign-in.refused': REFUSED }),
      ],
    },
    {
      title: 'With one message',
      intro: 'These are about the message, not the route.',
      rows: fromTable(MESSAGES),
    },
    {
      title: 'Waiting and giving up',
      intro: '',
      rows: Object.entries(DISPATCH_EXPLANATIONS).map(([code, row]) => ({
        code,
        ...row({ detail: '…', hours: 96, by: '…', route: '…' }),
      })),
    },
    {
      title: 'Notices to people',
      intro: 'Told by no further notice; these stand in the events, the log and in health.',
      rows: rowsOf(NOTICE_PROBLEMS),
    },
    {
      title: 'The spool',
      intro: '',
      rows: [
        ...rowsOf(SPOOL_PROBLEMS),
        ...Object.values(REASONS).map((reason) => ({ ...fill(reason), advice: '' })),
      ],
    },
    {
      title: 'Health',
      intro: 'Sentences of readings that are not ok ([metrics](metrics.md)).',
      rows: rowsOf(HEALTH_PROBLEMS),
    },
    {
      title: 'The broker',
      intro: 'Between a site, or `scanferry fleet`, and its MQTT broker.',
      rows: rowsOf(BROKER_PROBLEMS),
    },
    {
      title: 'Commands over MQTT',
      intro: 'Why one was rejected or failed, as its sender reads it ([topics](topics.md)).',
      rows: [...rowsOf(COMMAND_PROBLEMS), ...rowsOf(PACK_PROBLEMS)],
    },
    { title: 'The fleet', intro: '', rows: rowsOf(FLEET_PROBLEMS) },
    {
      title: 'Doctor',
      intro:
        'Lines of `scanferry doctor` that are not ok, beside those of health, the spool and the way to Microsoft 365 above.',
      rows: rowsOf(DOCTOR_PROBLEMS),
    },
    { title: 'Looking for devices', intro: '', rows: rowsOf(DISCOVERY_PROBLEMS) },
    { title: 'Letting devices in', intro: '', rows: rowsOf(DEVICE_PROBLEMS) },
    { title: 'Pages', intro: 'On the page of the box and the dashboard.', rows: rowsOf(PAGE_PROBLEMS) },
    {
      title: 'The agent, its config and the command line',
      intro: '',
      rows: [
        ...rowsOf(CONFIG_PROBLEMS),
        ...rowsOf(AGENT_PROBLEMS),
        ...rowsOf(RELOAD_PROBLEMS),
        ...rowsOf(CONTROL_PROBLEMS),
        ...rowsOf(INTAKE_PROBLEMS),
        ...rowsOf(CLI_PROBLEMS),
        ...rowsOf(BACKUP_PROBLEMS),
        ...rowsOf(SUPPORT_PROBLEMS),
        ...rowsOf(SETUP_PROBLEMS),
        ...rowsOf(SHEET_PROBLEMS),
        portTaken('…', 443, '…'),
      ],
    },
  ];
}

type Row<T> = T | ((...details: never[]) => T);

/** A row that takes details is shown with an ellipsis in place of each. */
function fill<T>(row: Row<T>): T {
  if (typeof row !== 'function') return row;
  const ellipsis = Object.assign('…', { address: '…', port: '…' });
  // Rows print what they are given; an ellipsis stands for any of it.
  return (row as (...details: unknown[]) => T)(...Array.from({ length: row.length }, () => ellipsis));
}

function rowsOf(table: Record<string, Row<Explanation>>): Explanation[] {
  return Object.values(table).map(fill);
}

function fromTable(table: Record<string, { cause: string; advice: string }>): Explanation[] {
  return Object.entries(table).map(([code, { cause, advice }]) => ({ code, cause, advice }));
}

function renderSection({ title, intro, rows }: Section): string[] {
  return [
    `## ${title}`,
    '',
    ...(intro === '' ? [] : [intro, '']),
    '| Code | What happened | What to do |',
    '|---|---|---|',
    ...rows.map(({ code, cause, advice }) => `| \`${code}\` | ${cell(cause)} | ${cell(advice)} |`),
    '',
  ];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
