/** `scanferry health`: every reading of the running agent, and what is not well. */
import type { Command } from 'commander';
import { wrapText } from '../core/break-lines.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import { type HealthProblem, problemsOf } from '../health/problem-list.ts';
import type { Grade, HealthReport, MetricFamily, Reading } from '../health/types.ts';
import type { CliContext } from './context.ts';
import { formatBytes, formatCount, formatDuration, formatTable } from './output.ts';

export function addHealthCommand(program: Command, context: CliContext): void {
  program
    .command('health')
    .description('show every reading of the running agent and how it is graded')
    .action(async () => {
      const health = await context.client().call('health', {});
      context.exitCode = health.grade === 'ok' ? 0 : 1;
      if (context.asJson()) context.output.json(health);
      else context.output.line(formatHealth(health));
    });
}

const TITLES: Record<MetricFamily, string> = {
  spool: 'Spool',
  routes: 'Route',
  devices: 'Device',
  box: 'Box',
  broker: 'Broker',
  agent: 'Agent',
};

function formatHealth(health: HealthReport): string {
  const groups = Map.groupBy(health.readings, ({ metric, of }) =>
    `${TITLES[metric.family]} ${of ?? ''}`.trim(),
  );
  const sections = [...groups].flatMap(([title, readings]) => [
    '',
    formatTable(
      [title, '', ''],
      readings.map((reading) => [
        `  ${labelOf(reading)}`,
        reading.grade === 'ok' ? '' : reading.grade.toUpperCase(),
        formatValue(reading),
      ]),
    ),
  ]);
  return [formatGrade(health.grade, problemsOf(health)), ...sections].join('\n');
}

/** The grade in a sentence and the problems below it, the worst first. */
export function formatGrade(grade: Grade, problems: readonly HealthProblem[]): string {
  if (grade === 'ok') return 'health: ok';
  return [
    `health: ${grade}, ${formatCount(problems.length, 'problem')}`,
    ...problems.flatMap((problem) => [
      '',
      `  ${problem.grade}: ${wrapText(problem.cause, 8).trimStart()}`,
      wrapText(problem.advice, 8),
    ]),
  ].join('\n');
}

/** The name as words, without its family and the unit at its end. */
function labelOf({ metric }: Reading): string {
  const words = metric.name.split('_').slice(1);
  const isUnit = ['s', 'ms', 'bytes', 'percent', 'celsius', 'count', 'state'].includes(words.at(-1) ?? '');
  return (isUnit && words.length > 1 ? words.slice(0, -1) : words).join(' ');
}

function formatValue({ metric, value }: Reading): string {
  if (value === null) return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (metric.name === 'device_tls_state')
    return value === 'none' ? 'plain text' : tlsVersionInWords(String(value));
  if (typeof value === 'string') return value;
  switch (metric.unit) {
    case 's':
      return metric.name === 'box_clock_skew_s' ? `${value} s` : formatSeconds(value);
    case 'ms':
      return `${value} ms`;
    case 'bytes':
      return formatBytes(value);
    case 'percent':
      return `${value} %`;
    case 'celsius':
      return `${value} °C`;
    default:
      return String(value);
  }
}

function formatSeconds(seconds: number): string {
  return seconds < 0 ? `${formatDuration(-seconds * 1000)} ago` : formatDuration(seconds * 1000);
}
