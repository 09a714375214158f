/** A setup sheet as text for a terminal or a mail. */
import { breakLines } from '../core/break-lines.ts';
import type { Sheet, SheetStep, SheetWay } from './types.ts';

const WIDTH = 78;

export function renderText(sheet: Sheet): string {
  const labelWidth = Math.max(...sheet.values.map(({ label }) => label.length));
  const [device, upstream] = sheet.legs;
  return [
    sheet.title,
    '='.repeat(Math.min(sheet.title.length, WIDTH)),
    ...wrap(`${sheet.device}. Site ${sheet.site}. ${sheet.knowledge}`, 0),
    ...section('What to enter', [
      ...sheet.values.flatMap(({ label, value, note }) => [
        `  ${label.padEnd(labelWidth)}  ${value}`,
        ...(note === null ? [] : wrap(note, labelWidth + 4)),
      ]),
    ]),
    ...section(
      'Mind',
      sheet.warnings.flatMap((warning) => item('!', warning)),
    ),
    ...sheet.ways.flatMap(renderWay),
    ...section('Certificate', wrap(sheet.certificate, 2)),
    ...section('How a scan travels', [
      `  ${device.from}`,
      ...wrap(`|  ${device.encryption}`, 4),
      `  ${device.to}`,
      ...wrap(`|  ${upstream.encryption}`, 4),
      `  ${upstream.to}`,
    ]),
    ...section(
      'Try it',
      sheet.test.flatMap((step, index) => item(`${index + 1}.`, step)),
    ),
    ...section(
      'What the device may say',
      sheet.errors.flatMap(({ code, meaning, advice }) =>
        item(`${code}:`, [meaning, advice].filter(Boolean).join(' ')),
      ),
    ),
    ...(sheet.url === null ? [] : ['', `This sheet: ${sheet.url}`]),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines];
}

function renderWay({ title, evidence, steps, note }: SheetWay): string[] {
  return section(title, [
    ...groupByPath(steps).flatMap(({ path, steps: inGroup }) => [
      ...wrap(path, 2),
      ...inGroup.flatMap((step) => wrap(stepLine(step), 4)),
    ]),
    ...(note === null ? [] : wrap(note, 2)),
    ...wrap(`(${evidence})`, 2),
  ]);
}

function stepLine({ label, set, limit }: SheetStep): string {
  const what = label === null ? `-> ${set}` : `${label}: ${set}`;
  return limit === null ? what : `${what} (${limit})`;
}

/** Steps that stand on the same menu page are told together. */
export function groupByPath(steps: readonly SheetStep[]): { path: string; steps: SheetStep[] }[] {
  const groups: { path: string; steps: SheetStep[] }[] = [];
  for (const step of steps) {
    const path = step.path.join(' > ');
    const last = groups.at(-1);
    if (last?.path === path) last.steps.push(step);
    else groups.push({ path, steps: [step] });
  }
  return groups;
}

function item(mark: string, text: string): string[] {
  const [first = '', ...rest] = wrap(text, mark.length + 3);
  return [`  ${mark} ${first.trimStart()}`, ...rest];
}

function wrap(text: string, indent: number): string[] {
  return breakLines(text, WIDTH - indent).map((line) => `${' '.repeat(indent)}${line}`);
}
