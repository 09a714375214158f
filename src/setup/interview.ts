/**
 * The interview: one question after the other, each with its help, a default in brackets, and a way back.
 *
 * Plain lines of text and nothing that moves, so that a screen reader and a serial console can follow. What is typed is
 * kept as an answers file would hold it, and is judged by the same rules (answers.ts).
 */
import { isRecord } from '../config/resolve.ts';
import type { Config } from '../config/schema.ts';
import { OperatorError } from '../core/errors.ts';
import { WAY_TITLES } from './advise.ts';
import { type Answers, judgeAnswers, type RawAnswers, valueAt, WAYS, type Way } from './answers.ts';
import type { Finding, SetupDeps } from './look.ts';
import { microsoftSteps, type StepValues } from './microsoft-steps.ts';
import type { Plan } from './plan.ts';
import { PROBLEMS } from './problems.ts';
import { QUESTIONS, type Question, type Read } from './questions.ts';
import {
  type Looked,
  lookAtSite,
  makePlan,
  propose,
  readPlanned,
  type SetupPlaces,
  tryPlanned,
} from './setup.ts';
import { formatFinding, formatSteps, formatVerdicts } from './text.ts';
import { configText } from './write.ts';

export interface Terminal {
  /** One line as it was typed. Rejects with OperatorError when the person leaves. */
  ask(prompt: string, options?: { isSecret?: boolean }): Promise<string>;
  say(text?: string): void;
}

export interface InterviewDeps extends SetupDeps {
  terminal: Terminal;
  places: SetupPlaces;
  /** Answers to offer as defaults. */
  defaults: RawAnswers;
}

export interface Outcome {
  plan: Plan;
  config: Config;
  answers: Answers;
}

interface State {
  raw: RawAnswers;
  looked: Looked | null;
  /** The steps in Microsoft 365 as they were shown last. */
  stepsShown: string | null;
  /** Made by the test, written at the end. */
  outcome: Outcome | null;
}

/** Where to go: on, to the question before, the same once more, or to the stage of that name. */
type Move = 'next' | 'back' | 'again' | { to: string };

interface Stage {
  name: string;
  /** Left out, it always has its turn. */
  applies?(state: State): boolean;
  /** Asks nothing, so that on the way back it is passed over. */
  isSilent?: boolean;
  run(state: State): Promise<Move>;
}

/** Runs to the end. Rejects with OperatorError when the person leaves; nothing has been written then. */
export async function runInterview(deps: InterviewDeps): Promise<Outcome> {
  const { terminal } = deps;
  const state: State = { raw: structuredClone(deps.defaults), looked: null, stepsShown: null, outcome: null };
  terminal.say('This asks what the box has to know, tries each answer, and writes the config at the end.');
  terminal.say(
    'Enter takes what stands in brackets, ? explains, back goes to the question before, Ctrl-C leaves.',
  );
  await walkThrough(stagesOf(deps), state);
  if (state.outcome === null) throw new Error('an interview has ended without its plan');
  return state.outcome;
}

/** From one stage to the next, until the last one is over. */
async function walkThrough(stages: readonly Stage[], state: State): Promise<void> {
  let index = 0;
  let isGoingBack = false;
  for (let stage = stages[index]; stage !== undefined; stage = stages[index]) {
    const isPassed: boolean = stage.applies?.(state) === false || (isGoingBack && stage.isSilent === true);
    const move: Move = isPassed ? (isGoingBack ? 'back' : 'next') : await stage.run(state);
    isGoingBack = move === 'back' && index > 0;
    index = placeAfter(stages, index, move);
  }
}

function placeAfter(stages: readonly Stage[], index: number, move: Move): number {
  if (move === 'again') return index;
  if (move === 'next') return index + 1;
  if (move === 'back') return Math.max(0, index - 1);
  return stages.findIndex(({ name }) => name === move.to);
}

function stagesOf(deps: InterviewDeps): Stage[] {
  const asked = QUESTIONS.map((question) => questionStage(deps, question));
  const after = (name: string) => asked.findIndex((stage) => stage.name === name) + 1;
  const look: Stage = {
    name: 'look',
    isSilent: true,
    async run(state) {
      deps.terminal.say('Looking at the domain and the ports …');
      state.looked = await lookAtSite(partly(state.raw), deps, teller(deps));
      return 'next';
    },
  };
  return [
    ...asked.slice(0, after('domain')),
    look,
    ...asked.slice(after('domain'), after('staticAddress')),
    { name: 'way', run: (state) => chooseWayStage(deps, state) },
    ...asked.slice(after('staticAddress')),
    { name: 'microsoft', run: (state) => microsoftStage(deps, state) },
    { name: 'test', isSilent: true, run: (state) => testStage(deps, state) },
    { name: 'confirm', run: (state) => confirmStage(deps, state) },
  ];
}

function questionStage({ terminal, places }: InterviewDeps, question: Question): Stage {
  const { applies } = question;
  return {
    name: question.name,
    ...(applies && { applies: ({ raw }: State) => applies(raw) }),
    async run({ raw }) {
      const value = await askQuestion(terminal, question, raw, places.profileIds);
      if (value === BACK) return 'back';
      setAt(raw, question.name.split('.'), value);
      return 'next';
    },
  };
}

const BACK = Symbol('back');

/** Asks until there is an answer that can be read. */
async function askQuestion(
  terminal: Terminal,
  question: Question,
  raw: RawAnswers,
  profileIds: readonly string[],
): Promise<unknown> {
  const known = valueAt(raw, question.name.split('.'));
  const fallback = known === undefined ? (question.fallback?.(raw) ?? '') : question.show(known);
  const prompt = promptOf(question, raw, fallback);
  terminal.say();
  for (;;) {
    const typed = (await terminal.ask(prompt, { isSecret: question.isSecret === true })).trim();
    if (typed === 'back') return BACK;
    if (typed === '' && known !== undefined) return known;
    const answer = typed === '' ? fallback : typed;
    const read: Read =
      typed === '?' ? { problem: question.help } : question.read(answer, { raw, profileIds });
    if ('value' in read) return read.value;
    terminal.say(read.problem);
  }
}

function promptOf(question: Question, raw: RawAnswers, fallback: string): string {
  if (fallback === '') return `${question.text(raw)}: `;
  return `${question.text(raw)} [${question.isSecret === true ? 'kept' : fallback}]: `;
}

async function chooseWayStage(deps: InterviewDeps, state: State): Promise<Move> {
  const { terminal } = deps;
  const looked: Looked = state.looked ?? { mailHosts: null, port25: null, port587: null };
  const verdicts = propose(partly(state.raw), looked);
  terminal.say();
  terminal.say(formatVerdicts(verdicts));
  const best = verdicts[0]?.way ?? 'submission';
  const question: Question = {
    name: 'way',
    text: () => `Which way? ${WAYS.join(', ')}`,
    help: `${WAYS.map((way) => `${way}: ${WAY_TITLES[way]}.`).join('\n')}\nThe first of the list fits best by what you have said and what was tried.`,
    fallback: () => best,
    show: String,
    read: (typed) =>
      WAYS.some((way) => way === typed) ? { value: typed } : { problem: `Type one of ${WAYS.join(', ')}.` },
  };
  const way = await askQuestion(terminal, question, state.raw, []);
  if (way === BACK) return 'back';
  if (way === 'submission' && state.raw['mailbox'] === undefined) {
    terminal.say('Submission sends from a mailbox: give its address first.');
    return { to: 'mailbox' };
  }
  state.raw['way'] = way;
  return 'next';
}

/** The steps are shown once, and again when somebody asks or they are others now. */
async function microsoftStage({ terminal }: InterviewDeps, state: State): Promise<Move> {
  const steps = formatSteps(microsoftSteps(stepValues(state.raw)));
  terminal.say();
  if (state.stepsShown === steps) terminal.say('The steps in Microsoft 365 are those above.');
  else showSteps();
  for (;;) {
    const typed = (await terminal.ask('Press Enter when they are done; ? shows the steps, or back: ')).trim();
    if (typed === 'back') return 'back';
    if (typed !== '?') return 'next';
    showSteps();
  }

  function showSteps(): void {
    terminal.say(`In Microsoft 365:\n${steps}`);
    state.stepsShown = steps;
  }
}

function stepValues(raw: RawAnswers): StepValues {
  const text = (group: RawAnswers, key: string) => (typeof group[key] === 'string' ? group[key] : null);
  const signIn = isRecord(raw['signIn']) ? raw['signIn'] : {};
  const kind = signIn['kind'];
  return {
    way: raw['way'] as Way,
    domain: String(raw['domain']),
    mailbox: text(raw, 'mailbox'),
    signIn: kind === 'secret' || kind === 'certificate' || kind === 'password' ? kind : null,
    clientId: text(signIn, 'clientId'),
    staticAddress: text(raw, 'staticAddress'),
    hasCertificate: raw['certificate'] !== undefined,
  };
}

async function testStage(deps: InterviewDeps, state: State): Promise<Move> {
  const { terminal, places } = deps;
  terminal.say();
  const judged = judgeAnswers(state.raw, { ...places, readSecret: () => undefined }, () => null);
  if (judged.answers === null) {
    for (const { key, message } of judged.problems) terminal.say(`${key}: ${message}`);
    return whereToMend(state);
  }
  try {
    const plan = makePlan(judged.answers, state.raw, state.raw['way'] as Way, places);
    const config = readPlanned(plan, places);
    terminal.say('Trying it; nothing is sent …');
    const failures = await tryPlanned(config, judged.answers, deps, teller(deps));
    state.outcome = { plan, config, answers: judged.answers };
    return failures === 0 ? 'next' : await afterFailure(terminal, state);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    terminal.say(error.explanation.cause);
    return whereToMend(state);
  }
}

/** Answers that a test judges begin there. */
function whereToMend({ raw }: State): Move {
  return { to: raw['way'] === 'submission' ? 'signIn.kind' : 'way' };
}

async function afterFailure(terminal: Terminal, state: State): Promise<Move> {
  for (;;) {
    const typed = (
      await terminal.ask('A test has failed. again, back, or on to go on all the same [again]: ')
    ).trim();
    if (typed === 'on') return 'next';
    if (typed === 'back') return whereToMend(state);
    if (typed === '' || typed === 'again') return 'again';
    terminal.say(
      'again tries once more, as changes in Microsoft 365 take a while; back changes an answer; on writes the config as it is.',
    );
  }
}

async function confirmStage({ terminal, places }: InterviewDeps, { outcome }: State): Promise<Move> {
  if (outcome === null) return 'back';
  terminal.say();
  terminal.say(configText(outcome.plan).trimEnd());
  terminal.say();
  for (const name of outcome.plan.secrets.keys())
    terminal.say(`The secret ${name} is stored apart, encrypted under the key of the box.`);
  for (;;) {
    const typed = (await terminal.ask(`Write this to ${places.file}? yes, no, or back [yes]: `))
      .trim()
      .toLowerCase();
    if (typed === '' || typed === 'yes' || typed === 'y') return 'next';
    if (typed === 'back') return 'back';
    if (typed === 'no' || typed === 'n') throw new OperatorError(PROBLEMS.interrupted());
  }
}

function teller({ terminal }: InterviewDeps): (finding: Finding) => void {
  return (finding) => terminal.say(formatFinding(finding));
}

/** What has been answered so far; each was judged as it was typed. */
function partly(raw: RawAnswers): Answers {
  const { outside = true, server = {} } = raw;
  return { ...raw, outside, server } as Answers;
}

/** Undefined takes the key away, and a group that is empty then. */
function setAt(raw: RawAnswers, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    if (value === undefined) delete raw[key];
    else raw[key] = value;
    return;
  }
  const group = isRecord(raw[key]) ? raw[key] : {};
  setAt(group, rest, value);
  if (Object.keys(group).length > 0) raw[key] = group;
}
