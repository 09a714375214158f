/** How the interview prints: sentences that wrap, nothing else. */
import { wrapText } from '../core/break-lines.ts';
import { type Verdict, WAY_TITLES } from './advise.ts';
import type { Finding } from './look.ts';
import type { Step } from './microsoft-steps.ts';

/** Behind the grade. */
const INDENT = 7;

export function formatFinding({ grade, text, advice }: Finding): string {
  const told = `  ${grade.padEnd(4)} ${wrapText(text, INDENT).trimStart()}`;
  return advice === null || grade === 'ok' ? told : `${told}\n${wrapText(advice, INDENT)}`;
}

/** The three ways, the proposed one first, with what speaks for and against each. */
export function formatVerdicts(verdicts: readonly Verdict[]): string {
  return verdicts
    .flatMap(({ way, fits, because, missing }, index) => [
      `${WAY_TITLES[way]} (${way})${fits ? (index === 0 ? ': fits best' : ': fits') : ': does not fit'}`,
      ...missing.map((reason) => wrapText(`- ${reason}`, 4)),
      ...because.map((reason) => wrapText(`· ${reason}`, 4)),
    ])
    .join('\n');
}

export function formatSteps(steps: readonly Step[]): string {
  return steps
    .flatMap(({ title, text, powershell }, index) => [
      `${index + 1}. ${title}`,
      wrapText(text, 3),
      // Not wrapped: they are copied.
      ...powershell.map((line) => `      ${line}`),
    ])
    .join('\n');
}
