/** Renders docs/reference/profiles.md and firmware-profiles/profile.schema.json from the catalogue and its type. */
import * as z from 'zod';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { GRADES } from '../../src/profiles/schema-evidence.ts';
import { type ProfileSummary, summarize } from '../../src/profiles/summary.ts';
import { profileSchema } from '../../src/profiles/types.ts';

/** What editors complete and check a profile.json by. */
export function renderProfileSchema(): string {
  const schema = z.toJSONSchema(profileSchema(), { io: 'input' });
  return `${JSON.stringify({ ...schema, title: 'A device profile of Scanferry' }, null, 2)}\n`;
}

export function renderProfiles(): string {
  const rows = [...builtInCatalogue().values()].map(summarize);
  const count = (status: ProfileSummary['status']) => rows.filter((row) => row.status === status).length;
  return [
    '# The catalogue of profiles',
    '',
    `${rows.length} profiles: ${count('partial')} that say how a device sends or what to enter at it, ${count('stub')} that`,
    `recognise it only (stub), ${count('field-verified')} verified in the field. What nobody knows is left out; *unknown* is an`,
    'honest word here. How to read a profile: [profiles.md](../profiles.md); one with the source of every claim:',
    '`scanferry profiles show ID`.',
    '',
    '| Profile | Family | Identification | SMTP | TLS | Setup | Grade |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(row),
    '',
    '## Grades',
    '',
    ...Object.entries(GRADES).map(([grade, words]) => `- *${grade}*: ${words}.`),
    '',
  ].join('\n');
}

function row({
  id,
  title,
  parent,
  identification,
  smtp,
  tls,
  setup,
  grades,
  status,
}: ProfileSummary): string {
  const kin = parent === null ? '' : ` (${parent.relation} of \`${parent.id}\`)`;
  const cells = [`\`${id}\``, `${title}${kin}`, identification, smtp, tls, setup];
  const grade = [...(status === 'stub' ? ['stub'] : []), ...grades].join(', ');
  return `| ${[...cells, grade].map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
}
