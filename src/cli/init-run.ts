/** What `scanferry init` does; loaded when it runs, because it brings the ways to Microsoft 365 along. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { knownProfiles } from '../config/load.ts';
import { givenDataDir, likelyDataDir, locateConfig } from '../config/locate.ts';
import { formatProblem } from '../config/problems.ts';
import { openSecretStore } from '../config/secret-store.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { type Answers, judgeAnswers, type RawAnswers, readAnswersFile } from '../setup/answers.ts';
import { type Outcome, runInterview, type Terminal } from '../setup/interview.ts';
import type { Finding } from '../setup/look.ts';
import { PROBLEMS } from '../setup/problems.ts';
import {
  chooseWay,
  lookAtSite,
  makePlan,
  propose,
  readPlanned,
  type SetupPlaces,
  tryPlanned,
} from '../setup/setup.ts';
import { formatFinding } from '../setup/text.ts';
import { writeSetup } from '../setup/write.ts';
import { sheetBox, sheetDevice } from '../sheet/from-config.ts';
import { createSheet } from '../sheet/sheet.ts';
import { renderText } from '../sheet/text.ts';
import type { CliContext } from './context.ts';

export interface InitOptions {
  answers?: string;
  ask?: true;
  force?: true;
}

/** Asks or reads the answers, tries them, and writes the config. */
export async function runInit(context: CliContext, options: InitOptions): Promise<void> {
  const answers = options.answers === undefined ? null : readAnswers(options.answers);
  const places = placesOf(context, options.answers);
  const isAsked = answers === null || options.ask === true;
  const outcome = isAsked
    ? await ask(context, places, answers?.raw ?? {})
    : await take(context, places, { ...answers, isForced: options.force === true });
  const written = writeSetup({
    ...{ file: places.file, dataDir: places.dataDir, plan: outcome.plan, now: Date.now() },
    force: isAsked || options.force === true,
  });
  report(context, places, { ...outcome, ...written });
}

function placesOf(context: CliContext, answersFile: string | undefined): SetupPlaces {
  const options = context.options();
  const given = givenDataDir(options);
  const dataDir = given === undefined ? likelyDataDir({ env: {} }) : path.resolve(given);
  return {
    file: locateConfig(options),
    dataDir,
    namesDataDir: given !== undefined,
    baseDir: answersFile === undefined ? process.cwd() : path.dirname(path.resolve(answersFile)),
    env: context.env,
    profileIds: knownProfiles(context.profileIds, dataDir),
  };
}

type AnswersFile = ReturnType<typeof readAnswersFile> & { file: string };

function readAnswers(name: string): AnswersFile {
  const file = path.resolve(name);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new OperatorError(PROBLEMS.answersUnreadable(file, describeError(cause)), { exitCode: 2, cause });
  }
  const read = readAnswersFile(file, text);
  if (read.raw === null) throw invalid(read.problems.map(formatProblem));
  return { ...read, file };
}

function invalid(problems: string[]): OperatorError {
  return new OperatorError(PROBLEMS.answersInvalid(problems.join('\n')), { exitCode: 2 });
}

/** Without a terminal: every problem at once, then every test, then the config. */
async function take(
  context: CliContext,
  places: SetupPlaces,
  { file, raw, lineOf, isForced }: AnswersFile & { isForced: boolean },
): Promise<Outcome> {
  if (existsSync(places.file) && !isForced)
    throw new OperatorError(PROBLEMS.exists(places.file), { exitCode: 2 });
  const readSecret = (name: string) => openSecretStore(places.dataDir).read(name);
  const judged = judgeAnswers(raw ?? {}, { ...places, file, readSecret }, lineOf);
  if (judged.answers === null) throw invalid(judged.problems.map(formatProblem));
  return settle(context, places, { answers: judged.answers, raw: raw ?? {} });
}

async function settle(
  context: CliContext,
  places: SetupPlaces,
  { answers, raw }: { answers: Answers; raw: RawAnswers },
): Promise<Outcome> {
  const tell = (finding: Finding) => {
    if (!context.asJson()) context.output.line(formatFinding(finding));
  };
  const way = chooseWay(answers, propose(answers, await lookAtSite(answers, context.setup, tell)));
  const plan = makePlan(answers, raw, way, places);
  const config = readPlanned(plan, places);
  const failures = await tryPlanned(config, answers, context.setup, tell);
  if (failures > 0 && !answers.goOn) throw new OperatorError(PROBLEMS.testsFailed(failures));
  return { plan, config, answers };
}

async function ask(context: CliContext, places: SetupPlaces, defaults: RawAnswers): Promise<Outcome> {
  if (!process.stdin.isTTY) throw new OperatorError(PROBLEMS.noTerminal(), { exitCode: 2 });
  const { terminal, close } = openTerminal(context);
  try {
    if (existsSync(places.file)) await askToReplace(terminal, places.file);
    return await runInterview({ ...context.setup, terminal, places, defaults });
  } finally {
    close();
  }
}

async function askToReplace(terminal: Terminal, file: string): Promise<void> {
  terminal.say(
    `There is a config ${file} already. At the end it can be replaced; the old one is kept beside it.`,
  );
  const typed = (await terminal.ask('Go on? yes or no [no]: ')).trim().toLowerCase();
  if (!['yes', 'y'].includes(typed)) throw new OperatorError(PROBLEMS.exists(file), { exitCode: 2 });
}

/** What is typed is shown, but for secrets. Ctrl-C and Ctrl-D leave. */
function openTerminal({ output }: CliContext): { terminal: Terminal; close(): void } {
  let isMuted = false;
  const shown = new Writable({
    write(chunk, _encoding, done) {
      if (!isMuted) process.stdout.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input: process.stdin, output: shown, terminal: true });
  const left = new AbortController();
  lines.once('SIGINT', () => left.abort());
  lines.once('close', () => left.abort());
  const terminal: Terminal = {
    say: (text) => output.line(text),
    async ask(prompt, { isSecret = false } = {}) {
      if (isSecret) process.stdout.write(prompt);
      isMuted = isSecret;
      try {
        return await lines.question(isSecret ? '' : prompt, { signal: left.signal });
      } catch (cause) {
        output.line();
        throw new OperatorError(PROBLEMS.interrupted(), { cause });
      } finally {
        if (isSecret) output.line();
        isMuted = false;
      }
    },
  };
  return { terminal, close: () => lines.close() };
}

interface Done extends Outcome {
  keptOld: string | null;
}

function report(
  context: CliContext,
  { file, dataDir }: SetupPlaces,
  { plan, config, answers, keptOld }: Done,
): void {
  const secrets = [...plan.secrets.keys()];
  if (context.asJson()) {
    context.output.json({ file, dataDir, way: plan.way, secrets, keptOld });
    return;
  }
  const device = sheetDevice(config, answers.profile ?? 'generic/plain', {
    profiles: context.profiles(),
    withPassword: false,
  });
  const sheet =
    device === null ? [] : ['', renderText(createSheet(device, sheetBox(config, context.boxAddresses())))];
  context.output.line(
    [
      `wrote ${file}`,
      ...secrets.map((name) => `stored the secret ${name} in ${dataDir}`),
      ...(keptOld === null ? [] : [`the config that was there is now ${keptOld}`]),
      ...sheet,
      '',
      'Next: `scanferry run` starts the agent, `scanferry doctor` looks at everything, and',
      '`scanferry send-test ADDRESS` follows a test scan to the end.',
    ].join('\n'),
  );
}
