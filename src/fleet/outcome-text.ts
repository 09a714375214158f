/** What became of a command at one site, for a person. */
import * as z from 'zod';
import { wrapText } from '../core/break-lines.ts';
import { explanation, grade, text } from './parse.ts';
import type { SiteOutcome } from './send.ts';

/** What `doctor` answers; a site of another version may say more. */
const diagnosis = z.object({
  grade,
  lines: z.array(z.object({ name: text, grade, text, why: explanation.nullable() })),
  leftOff: z.int().nonnegative(),
});

export function outcomeText({ site, state, result, why }: SiteOutcome, verb: string): string {
  const head = `${site}  ${verb} ${state}`;
  if (why !== null) return `${head}: ${why.cause} ${why.advice}`;
  if (result === null || result === undefined) return head;
  const told = verb === 'doctor' ? diagnosis.safeParse(result) : null;
  return told?.success ? `${head}: ${diagnosisText(told.data)}` : `${head}  ${JSON.stringify(result)}`;
}

const INDENT = 8;

/** As `scanferry doctor` at the site, but only what is not well. */
function diagnosisText({ grade: whole, lines, leftOff }: z.output<typeof diagnosis>): string {
  const troubles = lines.filter((line) => line.grade !== 'ok');
  const of = lines.length + leftOff;
  return [
    troubles.length === 0 ? `${whole}, ${of} lines` : `${whole}, ${troubles.length} of ${of} lines`,
    ...troubles.flatMap((line) => [
      `  ${line.grade.toUpperCase().padEnd(4)}  ${wrapText(`${line.name}: ${line.text}`, INDENT).trimStart()}`,
      ...(line.why === null ? [] : [wrapText(line.why.cause, INDENT), wrapText(line.why.advice, INDENT)]),
    ]),
  ].join('\n');
}
