/** Prints figures of a subject beside Postfix's, and their ratio, as a Markdown table. */
import type { Figures } from './measure.ts';

export interface Row {
  name: string;
  measured: Figures;
  postfix: Figures;
}

interface Column {
  title: string;
  value(figures: Figures): number;
  digits: number;
  /** Whether the ratio to Postfix says something. */
  hasRatio: boolean;
}

const MIB = 1024 * 1024;

const COLUMNS: readonly Column[] = [
  { title: 'accepted/s', value: (of) => of.acceptedPerSecond, digits: 0, hasRatio: true },
  { title: 'relayed/s', value: (of) => of.relayedPerSecond, digits: 0, hasRatio: true },
  { title: 'CPU ms', value: (of) => of.cpuMsPerMessage, digits: 1, hasRatio: true },
  { title: 'memory MiB', value: (of) => of.memoryBytes / MIB, digits: 0, hasRatio: false },
  { title: 'resident MiB', value: (of) => of.residentBytes / MIB, digits: 0, hasRatio: false },
  { title: 'written', value: (of) => of.writtenPerByte, digits: 2, hasRatio: false },
];

export function header(): string {
  const titles = COLUMNS.map(({ title }) => title);
  return `| message × connections, inward | ${titles.join(' | ')} |\n|---|${'---|'.repeat(titles.length)}`;
}

/** Each cell is `measured / Postfix`, and the ratio where it says something. */
export function line({ name, measured, postfix }: Row): string {
  const cells = COLUMNS.map(({ value, digits, hasRatio }) => {
    const [ours, theirs] = [value(measured), value(postfix)];
    const pair = `${ours.toFixed(digits)} / ${theirs.toFixed(digits)}`;
    return hasRatio ? `${pair} (${(ours / theirs).toFixed(2)})` : pair;
  });
  return `| ${name} | ${cells.join(' | ')} |`;
}
