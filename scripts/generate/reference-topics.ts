/** Renders docs/reference/topics.md from the tree of topics, the payloads, the events and the verbs of commands. */
import path from 'node:path';
import { VERBS } from '../../src/agent/remote-verbs.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { TOPICS } from '../../src/report/topics.ts';
import { type Field, readInterface } from './read-interfaces.ts';
import { rowsOf } from './reference-settings.ts';

const SRC = path.resolve(import.meta.dirname, '../../src');
const PAYLOADS = path.join(SRC, 'report/payloads.ts');
const EVENTS = path.join(SRC, 'core/events.ts');

export function renderTopics(): string {
  return [
    '# Topics',
    '',
    'What a site publishes and obeys over MQTT. `<site>` is the id of the site (`site.id`), equal to its client id and, unless',
    '`mqtt.username` says otherwise, its user name. Nothing needs MQTT 5 to be understood. JSON has its units in its keys, times',
    'are epoch milliseconds, and a key may be added at any time: read those you know.',
    '',
    '| Topic | From | Retained | QoS | What it is |',
    '|---|---|---|---|---|',
    ...TOPICS.map(
      ({ topic, from, isRetained, qos, help }) =>
        `| \`${topic}\` | ${from} | ${isRetained ? 'yes' : 'no'} | ${qos} | ${help} |`,
    ),
    '',
    'Everything retained is published again on each connection. What the broker could not hear is not lost: retained topics are',
    `told as they are now, events in order from where they stopped (${LIMITS.reportEventsPerSecondMax} a second at most), numbers come anew.`,
    'An event may be told twice, under the same `id`.',
    '',
    ...TOPICS.flatMap(({ topic, payload }) =>
      payload === null ? [] : [`## \`${topic}\``, '', ...tableOf(readInterface(PAYLOADS, payload)), ''],
    ),
    '## Telemetry',
    '',
    'One flat object of numbers: `ts`, `grade_num` and every reading with a value, by its key ([metrics](metrics.md)). Of several',
    'routes or devices the key ends in the id, with `_` for every `-`. Truths are 0 and 1; a state is its grade: 0 ok, 1 warn, 2 fail.',
    '',
    '## Events',
    '',
    'What `data` of an event holds, by its type. Never a subject, a body or a secret.',
    '',
    '| Type | Data | |',
    '|---|---|---|',
    ...readInterface(EVENTS, 'EventData').map(
      ({ name, type, comment }) => `| \`${name}\` | \`${cell(type)}\` | ${cell(comment)} |`,
    ),
    '',
    '## Commands',
    '',
    'The payload on `cmd/<verb>` is a compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037). Its header has `alg` `EdDSA`,',
    '`typ` `scanferry-command+jws` and `kid`, the id of a key in `mqtt.commandKeys`; its claims are:',
    '',
    ...tableOf(readInterface(PAYLOADS, 'CommandClaims')),
    '',
    'A command is rejected, with its reason ([errors](errors.md), `command.*`), unless it is signed by a pinned key that may use its',
    `verb, for this site and this topic, is neither expired nor valid for more than ${LIMITS.commandLifeMaxMs / 3_600_000} hours, and its nonce is new (nonces are`,
    'remembered over restarts), the clock of the box is set, and it is not retained. Each one is an event, obeyed or not.',
    `Answers come on \`rsp/<nonce>\`; a result has at most ${LIMITS.commandResultBytesMax / 1024} KiB. [How to](../howto/command-a-site.md).`,
    '',
    ...Object.entries(VERBS).flatMap(([verb, { help, args }]) => [
      `### \`${verb}\``,
      '',
      help,
      '',
      ...argumentsOf(args),
    ]),
  ].join('\n');
}

function tableOf(fields: readonly Field[]): string[] {
  return [
    '| Key | Type | |',
    '|---|---|---|',
    ...fields.map(
      ({ name, type, isOptional, comment }) =>
        `| \`${name}\`${isOptional ? ' (may be absent)' : ''} | \`${cell(type)}\` | ${cell(comment)} |`,
    ),
  ];
}

function argumentsOf(args: Parameters<typeof rowsOf>[0]): string[] {
  const rows = rowsOf(args, '');
  if (rows.length === 0) return [];
  return [
    '| Argument | Value | Default | |',
    '|---|---|---|---|',
    ...rows.map(({ key, type, fallback, text }) => `| \`${key}\` | ${type} | ${fallback} | ${text} |`),
    '',
  ];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
