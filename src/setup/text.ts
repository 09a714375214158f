/** How the interview prints: sentences that wrap, nothing else. */
import { breakLines } from '../core/break-lines.ts';
import { type Verdict, WAY_TITLES } from './advise.ts';
import type { Finding } from './look.ts';
import type { Step } from './microsoft-steps.ts';

const WIDTH = 96;

export function formatFinding({ grade, text, advice }: Finding): string {
  const lines = wrap(text, '       ').trimStart();
  const told = `  ${grade.padEnd(4)} ${lines}`;
  return advice === null || grade === 'ok' ? told : `${told}\n${wrap(advice, '       ')}`;
}

/** The three ways, the proposed one first, with what speaks for and against each. */
export function formatVerdicts(verdicts: readonly Verdict[]): string {
  return verdicts
    .flatMap(({ way, fits, because, missing }, index) => [
      `${WAY_TITLES[way]} (${way})${fits ? (index === 0 ? ': fits best' : ': fits') : ': does not fit'}`,
      ...missing.map((reason) => wrap(`- ${reason}`, '    ')),
      ...because.map((reason) => wrap(`+ ${reason}`, '    ')),
    ])
    .join('\n');
}

export function formatSteps(steps: readonly Step[]): string {
  return steps
    .flatMap(({ title, text, powershell }, index) => [
      `${index + 1}. ${title}`,
      wrap(text, '   '),
      // Not wrapped: they are copied.
      ...powershell.map((line) => `      ${line}`),
    ])
    .join('\n');
}

function wrap(text: string, indent: string): string {
  const lines = breakLines(text, WIDTH - indent.length);
  return lines.map((line) => `${indent}${line}`).join('\n');
}
