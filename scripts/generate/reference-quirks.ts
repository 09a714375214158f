/** Renders docs/reference/quirks.md from the tables of quirks and repairs. */
import { REPAIRS } from '../../src/core/repairs.ts';
import { QUIRKS, type Quirk } from '../../src/profiles/quirks.ts';

export function renderQuirks(): string {
  return [
    '# Quirks and repairs',
    '',
    '## What devices do',
    '',
    '*trusted*: tolerated in `intake.trustedNetworks` and from the addresses under `devices`; elsewhere only from a',
    'device that has signed in and whose profile names the quirk under `smtp.quirks`. *always*: towards everybody.',
    '',
    '| Quirk | No. | Scope | What the device does, and what the box makes of it | Where | Known from |',
    '|---|---|---|---|---|---|',
    ...Object.entries<Quirk>(QUIRKS).map(
      ([id, { number, scope, tolerated, where, source }]) =>
        `| \`${id}\` | ${number === null ? '–' : `Q${number}`} | ${scope} | ${tolerated} | ${where} | ${source} |`,
    ),
    '',
    '## What is repaired',
    '',
    'The names stand in the history of a message, with the event `message.accepted`. What needs no repair goes on byte',
    'for byte. Bcc stays in the spool and is taken out on every way out.',
    '',
    '| Repair | What was changed |',
    '|---|---|',
    ...Object.entries(REPAIRS).map(([id, change]) => `| \`${id}\` | ${change} |`),
    '',
  ].join('\n');
}
