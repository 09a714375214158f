/** `scanferry doctor`: looks at the site and everything it sends to, and says what to do. */
import { type Command, Option } from 'commander';
import { type ControlClient, isNotRunning } from '../control/client.ts';
import type { DoctorRequest } from '../control/protocol.ts';
import { wrapText } from '../core/break-lines.ts';
import { type ExitCode, OperatorError } from '../core/errors.ts';
import { type DoctorLine, GROUPS, type Group } from '../doctor/types.ts';
import { worst } from '../health/metric.ts';
import type { CliContext } from './context.ts';
import { formatCount } from './output.ts';

export function addDoctorCommand(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description('look at the site and everything it sends to, and say what is wrong and what to do')
    .addOption(new Option('--only <group...>', 'only these groups of checks').choices([...GROUPS]))
    .option('--details', 'show replies, offers and certificates word for word')
    .action(async ({ only, details = false }: { only?: Group[]; details?: boolean }) => {
      const lines: DoctorLine[] = [];
      for await (const line of linesOf(context, { only })) {
        if (!context.asJson()) printLine(context, line, { before: lines.at(-1), details });
        lines.push(line);
      }
      context.exitCode = exitCodeOf(lines);
      const grade = worst(lines.map((line) => line.grade));
      if (context.asJson()) context.output.json({ grade, lines });
      else context.output.line(`\n${summaryOf(lines)}`);
    });
}

/** By the agent where one runs, which knows how its routes stand; else by this process. */
async function* linesOf(context: CliContext, request: DoctorRequest): AsyncGenerator<DoctorLine> {
  const client = clientOf(context);
  try {
    if (client !== null) return yield* client.diagnose(request);
  } catch (error) {
    if (!isNotRunning(error)) throw error;
  }
  yield* context.diagnoseAlone(context.options(), request);
}

/** Null where the config is so wrong that it does not even say where the data folder is: one of the lines tells it. */
function clientOf(context: CliContext): ControlClient | null {
  try {
    return context.client();
  } catch (error) {
    if (error instanceof OperatorError && error.exitCode === 2) return null;
    throw error;
  }
}

/** A config that can't be used is told by its own code, as everywhere. */
function exitCodeOf(lines: readonly DoctorLine[]): ExitCode {
  if (lines.some(({ why }) => why?.code === 'doctor.config-error')) return 2;
  return lines.every(({ grade }) => grade === 'ok') ? 0 : 1;
}

const TITLES: Record<Group, string> = {
  box: 'Box',
  config: 'Config',
  listeners: 'Listeners',
  spool: 'Spool',
  network: 'Network',
  routes: 'Microsoft 365',
  broker: 'Broker',
};

const INDENT = 8;

function printLine(
  { output }: CliContext,
  line: DoctorLine,
  { before, details }: { before: DoctorLine | undefined; details: boolean },
): void {
  const width = output.width ?? undefined;
  if (line.group !== before?.group) output.line(`${before === undefined ? '' : '\n'}${TITLES[line.group]}`);
  const label = line.grade === 'ok' ? 'ok' : line.grade.toUpperCase();
  output.line(`  ${label.padEnd(4)}  ${wrapText(`${line.name}: ${line.text}`, INDENT, width).trimStart()}`);
  if (line.why !== null) {
    output.line(wrapText(line.why.cause, INDENT, width));
    output.line(wrapText(line.why.advice, INDENT, width));
  }
  if (details || line.grade !== 'ok')
    for (const text of line.detail) output.line(`${' '.repeat(INDENT)}| ${text}`);
}

function summaryOf(lines: readonly DoctorLine[]): string {
  const count = (wanted: DoctorLine['grade']) => lines.filter(({ grade }) => grade === wanted).length;
  const [failed, warned] = [count('fail'), count('warn')];
  if (failed + warned === 0) return `All is well: ${formatCount(lines.length, 'line')}, each ok.`;
  const parts = [
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(warned === 0 ? [] : [formatCount(warned, 'warning')]),
  ];
  const advice = failed > 1 ? ' Begin with the first that failed: those below it may depend on it.' : '';
  return `${parts.join(', ')}, ${count('ok')} ok.${advice}`;
}
