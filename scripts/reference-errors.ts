/** Renders docs/reference/replies.md and errors.md from the tables of the rooms. */
import { PROBLEMS as CONTROL_PROBLEMS } from '../src/control/problems.ts';
import type { Explanation } from '../src/core/errors.ts';
import { EXPLANATIONS as DISPATCH_EXPLANATIONS } from '../src/dispatch/explanations.ts';
import { REPLIES, SILENT_REFUSALS } from '../src/intake/replies.ts';
import { RELOAD_PROBLEMS } from '../src/reload.ts';
import { MESSAGES } from '../src/routes/explanations.ts';
import { FAULTS } from '../src/routes/faults.ts';
import { renderReplyTable } from '../src/routes/replies.ts';
import { SIGN_IN_ERRORS } from '../src/routes/sign-in-errors.ts';
import { PROBLEMS as SPOOL_PROBLEMS } from '../src/spool/problems.ts';

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
      rows: fromTable({ ...REPLIES, ...SILENT_REFUSALS }),
    },
    { title: 'On the way to Microsoft 365', intro: 'These pause a route.', rows: fromTable(FAULTS) },
    {
      title: 'Signing in',
      intro: 'By the AADSTS number of the sign-in service. These pause a route.',
      rows: SIGN_IN_ERRORS.map(({ id, cause, advice }) => ({ code: `route.sign-in.${id}`, cause, advice })),
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
      title: 'The spool',
      intro: '',
      rows: [
        SPOOL_PROBLEMS.newerVersion('…', 2, 1),
        SPOOL_PROBLEMS.inUse('…'),
        SPOOL_PROBLEMS.notDurable('…'),
        SPOOL_PROBLEMS.notOpened('…', '…'),
        SPOOL_PROBLEMS.bodyErased('…'),
        SPOOL_PROBLEMS.bodyDamaged('…'),
        SPOOL_PROBLEMS.unknownMessage('…'),
      ],
    },
    {
      title: 'The command line and the agent',
      intro: '',
      rows: [
        CONTROL_PROBLEMS.alreadyRunning('…'),
        CONTROL_PROBLEMS.notRunning('…', '…'),
        CONTROL_PROBLEMS.forbidden('…'),
        CONTROL_PROBLEMS.unknownMessage('…'),
        CONTROL_PROBLEMS.bodyErased('…'),
        CONTROL_PROBLEMS.unknownRoute('…', '…'),
        CONTROL_PROBLEMS.unknownCommand('…'),
        CONTROL_PROBLEMS.badInput('…', '…'),
        CONTROL_PROBLEMS.failed('…'),
        RELOAD_PROBLEMS.notRunning(),
        RELOAD_PROBLEMS.needsRestart('…'),
        RELOAD_PROBLEMS.notApplied('…'),
      ],
    },
  ];
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
