/**
 * Looks at a route as a delivery would use it, step by step, without sending anything: names, session, sign-in, and
 * the envelope, which is taken back by RSET. One sign-in only, because Microsoft locks an account after a row of
 * refused ones; nobody is asked for a code, which would end with the look.
 */
import type { Explanation } from '../core/errors.ts';
import type { Reply, RouteFault, UpstreamFacts } from '../core/outcome.ts';
import type { CertificateFacts } from './certificates.ts';
import { connectAny } from './connect.ts';
import type { ServerExtensions } from './extensions.ts';
import { AttemptAborted, connectionFailure, RouteFailure } from './failure.ts';
import { findMailHosts } from './names.ts';
import { createTokenSource } from './oauth.ts';
import { createSessionOpener, openFirst } from './open-route-session.ts';
import { isPositive } from './reply.ts';
import type { ReplyStage } from './reply-row.ts';
import { explainAnswer, refusedFault } from './report.ts';
import { SessionRefused } from './session-errors.ts';
import type { RouteSettings, SubmissionSettings } from './settings.ts';
import type { Credentials, SmtpSession } from './smtp-session.ts';
import { createRouteTls } from './tls.ts';
import type { RouteDeps } from './types.ts';

/** An envelope to ask about. */
export interface RouteQuestion {
  sender: string;
  recipient: string;
}

/** Where a probe has come; a `fault` ends the branch it happened in. */
export type ProbeStep =
  | { step: 'mail-hosts'; hosts: string[] }
  | {
      step: 'session';
      upstream: UpstreamFacts;
      extensions: ServerExtensions;
      /** Greeting line and offers, as the server said them. */
      hello: readonly string[];
      certificates: CertificateFacts[];
    }
  | { step: 'token' }
  | { step: 'signed-in'; mechanism: string; user: string }
  | {
      step: 'answer';
      question: RouteQuestion;
      /** Null when the envelope was taken. */
      refusal: { reply: Reply; stage: ReplyStage; scope: string; action: string; why: Explanation } | null;
    }
  | { step: 'fault'; at: ProbePlace; fault: RouteFault; upstream: UpstreamFacts | null };

export type ProbePlace = 'names' | 'session' | 'token' | 'sign-in' | 'envelope';

export interface ProbeOptions {
  questions: readonly RouteQuestion[];
  signal: AbortSignal;
  /** False for a look that ends before the sign-in. */
  signsIn?: boolean;
}

/**
 * Yields each step as it happens. `deps.facts` decides about tokens: an empty store has a new one asked for, which
 * shows a client secret that has expired behind a token that still lives.
 * @throws AttemptAborted when the signal ends it, OperatorError when a file of the settings is no usable PEM.
 */
export async function* probeRoute(
  settings: RouteSettings,
  deps: RouteDeps,
  { questions, signal, signsIn = true }: ProbeOptions,
): AsyncGenerator<ProbeStep> {
  const hosts = yield* findHosts(settings, deps, signal);
  const session = hosts === null ? null : yield* openSession(settings, deps, hosts, signal);
  try {
    const needsSignIn = settings.kind === 'submission';
    const ready = needsSignIn && signsIn ? yield* signIn(settings, deps, session, signal) : !needsSignIn;
    if (session !== null && ready) yield* askAll(settings, session, questions, signal);
  } finally {
    session?.quit();
  }
}

/** The hosts to try, or null after a fault. */
async function* findHosts(
  settings: RouteSettings,
  deps: RouteDeps,
  signal: AbortSignal,
): AsyncGenerator<ProbeStep, string[] | null> {
  if (settings.host !== undefined) return [settings.host];
  if (settings.kind === 'submission') return null;
  try {
    const hosts = await findMailHosts(deps.resolver, settings.domain, { clock: deps.clock, signal });
    yield { step: 'mail-hosts', hosts };
    return hosts;
  } catch (error) {
    yield faultStep('names', error, settings, null);
    return null;
  }
}

async function* openSession(
  settings: RouteSettings,
  deps: RouteDeps,
  hosts: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ProbeStep, SmtpSession | null> {
  const tls = createRouteTls({
    ca: settings.ca,
    certificate: settings.kind === 'connector' ? settings.certificate : undefined,
  });
  const open = createSessionOpener(deps, tls, connectAny);
  const { port } = settings;
  let session: SmtpSession;
  try {
    session = await openFirst(hosts, (host) => open({ host, port }, signal), deps.log);
  } catch (error) {
    yield faultStep('session', error, settings, null);
    return null;
  }
  const { upstream, extensions } = session;
  yield {
    step: 'session',
    upstream,
    extensions,
    hello: session.hello(),
    certificates: session.certificates(),
  };
  return session;
}

/** The token is asked for even where no session came about: its trouble is one of its own. */
async function* signIn(
  settings: SubmissionSettings,
  deps: RouteDeps,
  session: SmtpSession | null,
  signal: AbortSignal,
): AsyncGenerator<ProbeStep, boolean> {
  let credentials: Credentials | null;
  try {
    credentials = await findCredentials(settings, deps, { session, signal });
  } catch (error) {
    yield faultStep('token', error, settings, null);
    return false;
  }
  if (settings.auth.kind === 'oauth') yield { step: 'token' };
  if (session === null) return false;
  const seenAddress = session.extensions.seenAddress;
  try {
    if (credentials === null || !session.extensions.mechanisms.includes(credentials.mechanism))
      throw connectionFailure('route.auth-missing', session.upstream.host, { upstream: session.upstream });
    await session.signIn(credentials, signal);
  } catch (error) {
    yield faultStep('sign-in', error, settings, seenAddress);
    return false;
  }
  yield { step: 'signed-in', mechanism: credentials.mechanism, user: credentials.user };
  return true;
}

/** Null where the server offers nothing that a password fits. */
async function findCredentials(
  { id, auth, mailbox, ca }: SubmissionSettings,
  deps: RouteDeps,
  { session, signal }: { session: SmtpSession | null; signal: AbortSignal },
): Promise<Credentials | null> {
  if (auth.kind === 'oauth') {
    const tokens = createTokenSource({ id, auth, mailbox, ca, asksPerson: false }, deps);
    try {
      return { mechanism: 'XOAUTH2', user: mailbox, token: await tokens.token(signal) };
    } finally {
      tokens.stop();
    }
  }
  const offered = session?.extensions.mechanisms ?? [];
  const mechanism = (['LOGIN', 'PLAIN'] as const).find((name) => offered.includes(name));
  if (mechanism === undefined) return null;
  return { mechanism, user: auth.user ?? mailbox, password: auth.password.reveal() };
}

async function* askAll(
  settings: RouteSettings,
  session: SmtpSession,
  questions: readonly RouteQuestion[],
  signal: AbortSignal,
): AsyncGenerator<ProbeStep> {
  const { seenAddress } = session.extensions;
  for (const question of questions) {
    if (!session.isOpen()) return;
    try {
      const exchanges = await session.ask(question.sender, question.recipient, signal);
      const refused = exchanges.find(
        ({ stage, reply }) => isEnvelope(stage) && reply !== null && !isPositive(reply),
      );
      yield { step: 'answer', question, refusal: refusalOf(refused) };
    } catch (error) {
      yield faultStep('envelope', error, settings, seenAddress);
      return;
    }
  }

  function refusalOf(exchange: { stage: string; reply: Reply | null } | undefined) {
    if (exchange?.reply === undefined || exchange.reply === null) return null;
    const stage: ReplyStage = exchange.stage === 'mail' ? 'mail' : 'rcpt';
    const { verdict, why } = explainAnswer(exchange.reply, stage, { kind: settings.kind, seenAddress });
    return { reply: exchange.reply, stage, scope: verdict.scope, action: verdict.action, why };
  }
}

function isEnvelope(stage: string): boolean {
  return stage === 'mail' || stage === 'rcpt';
}

function faultStep(
  at: ProbePlace,
  error: unknown,
  settings: RouteSettings,
  seenAddress: string | null,
): ProbeStep {
  if (error instanceof AttemptAborted) throw error;
  const failure = error instanceof SessionRefused ? refusedFault(error, settings.kind, seenAddress) : error;
  if (!(failure instanceof RouteFailure)) throw error;
  return { step: 'fault', at, fault: failure.fault, upstream: failure.upstream };
}
