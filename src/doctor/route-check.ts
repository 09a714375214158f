/** One way out, looked at as a delivery would use it: session, TLS, offers, sign-in, envelope, and what of it runs out. */

import type { Explanation } from '../core/errors.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import { bytesWords } from '../health/words.ts';
import { describeChain, isoDay } from '../routes/certificates.ts';
import { type ProbePlace, type ProbeStep, probeRoute, type RouteQuestion } from '../routes/probe.ts';
import type { RouteSettings } from '../routes/settings.ts';
import type { FactStore, RouteDeps } from '../routes/types.ts';
import { checkClientCertificate, checkSecretExpiry } from './credentials.ts';
import { fail, ok, warn } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import { lookAtSmtp } from './smtp-look.ts';
import type { Finding } from './types.ts';

export interface RouteContext extends Omit<RouteDeps, 'facts'> {
  /** Tokens of device codes; an application is always signed in anew. Null where no agent keeps any. */
  facts: FactStore | null;
  signal: AbortSignal;
}

/** What the look has shown beside its findings. */
export interface RouteLook {
  /** The address the other side sees this box at, where it says so. */
  seenAddress: string | null;
  /** Codes of what was wrong. */
  codes: string[];
}

/**
 * Yields each finding as it is known, named `<id>: <step>`; nothing is sent, the envelope is taken back. Never throws
 * for what the network or the other side does.
 * @throws AttemptAborted, and OperatorError where a file of the settings is no usable PEM.
 */
export async function* examineRoute(
  settings: RouteSettings,
  context: RouteContext,
): AsyncGenerator<Finding, RouteLook> {
  const look: RouteLook = { seenAddress: null, codes: [] };
  for (const finding of credentialFindings(settings, context)) yield noted(finding, look);
  const signsIn = !waitsForPerson(settings, context);
  const steps = probeRoute(
    settings,
    { ...context, facts: factsFor(settings, context) },
    { questions: questionsFor(settings), signal: context.signal, signsIn },
  );
  for await (const step of steps) {
    if (step.step === 'session') look.seenAddress = step.extensions.seenAddress;
    for await (const finding of findingsOf(step, settings, context)) yield noted(finding, look);
  }
  if (!signsIn) yield warn(`${settings.id}: sign-in`, 'not tried', PROBLEMS.tokenMissing());
  return look;
}

function noted(finding: Finding, look: RouteLook): Finding {
  if (finding.why !== null) look.codes.push(finding.why.code);
  return finding;
}

/** Where this site's own mail would come from; RFC 5321 section 4.5.1 promises every domain a postmaster. */
function questionsFor(settings: RouteSettings): RouteQuestion[] {
  if (settings.kind === 'submission') return [{ sender: settings.mailbox, recipient: settings.mailbox }];
  const sender = `scanferry@${settings.domain}`;
  const inside = { sender, recipient: `postmaster@${settings.domain}` };
  // Only mail to the outside needs the connector (docs/reference/replies.md, 5.7.64). RFC 2606 keeps that domain free.
  return settings.kind === 'connector' ? [inside, { sender, recipient: 'postmaster@example.com' }] : [inside];
}

/** A code on a screen that nobody has asked for helps nobody: that sign-in is the agent's alone. */
function waitsForPerson(settings: RouteSettings, { facts }: RouteContext): boolean {
  return isByDeviceCode(settings) && facts === null;
}

function isByDeviceCode(settings: RouteSettings): boolean {
  return settings.kind === 'submission' && settings.auth.kind === 'oauth' && settings.auth.deviceCode;
}

const NO_FACTS: FactStore = { get: async () => null, put: async () => {}, delete: async () => {} };

/** A token that still lives would hide a secret, or a person's sign-in, that has run out. */
function factsFor(settings: RouteSettings, { facts }: RouteContext): FactStore {
  if (!isByDeviceCode(settings) || facts === null) return NO_FACTS;
  return { ...facts, get: (name) => (name === `token:${settings.id}` ? NO_FACTS : facts).get(name) };
}

function credentialFindings(settings: RouteSettings, { clock }: RouteContext): Finding[] {
  const { id } = settings;
  if (settings.kind === 'connector') {
    const { certificate, ca } = settings;
    if (certificate === undefined) return [];
    const name = `${id}: own certificate`;
    return [
      checkClientCertificate(name, certificate.cert, {
        now: clock.now(),
        ca: ca?.text,
        isForConnector: true,
      }),
    ];
  }
  if (settings.kind === 'direct-send' || settings.auth.kind === 'basic') return [];
  const { certificate, clientSecretExpires } = settings.auth;
  return [
    ...(certificate === undefined
      ? []
      : [checkClientCertificate(`${id}: own certificate`, certificate.cert, { now: clock.now() })]),
    ...(clientSecretExpires === undefined
      ? []
      : [checkSecretExpiry(`${id}: client secret`, clientSecretExpires, clock.now())]),
  ];
}

async function* findingsOf(
  step: ProbeStep,
  settings: RouteSettings,
  context: RouteContext,
): AsyncGenerator<Finding> {
  const { id } = settings;
  switch (step.step) {
    // Told by the network.
    case 'mail-hosts':
      return;
    case 'session':
      yield* sessionFindings(step, settings);
      return;
    case 'token':
      yield ok(`${id}: token`, 'the sign-in service gave a new one');
      return;
    case 'signed-in':
      yield ok(`${id}: sign-in`, `as ${step.user} by ${step.mechanism}`);
      return;
    case 'answer':
      yield answerFinding(step, id);
      return;
    case 'fault':
      yield await faultFinding(step, settings, context);
      return;
  }
}

function* sessionFindings(
  { upstream, extensions, hello, certificates }: Extract<ProbeStep, { step: 'session' }>,
  settings: RouteSettings,
): Generator<Finding> {
  const { id, kind, limits } = settings;
  const { tls, host, port } = upstream;
  const version = tls === null ? 'TLS' : tlsVersionInWords(tls.protocol);
  yield ok(`${id}: STARTTLS`, `${version} with ${host}:${port}, ${tls?.cipher ?? 'cipher unknown'}`);
  const [leaf] = certificates;
  const trusted =
    leaf === undefined
      ? 'verified'
      : `${leaf.subject}, issued by ${leaf.issuer}, until ${isoDay(leaf.validTo)}`;
  yield ok(`${id}: certificate`, trusted, describeChain(certificates));
  if (kind === 'submission') {
    const offered = extensions.mechanisms.join(' ');
    // What is missing here is told by the sign-in, which knows what it needs.
    if (offered !== '') yield ok(`${id}: AUTH`, offered, [...hello]);
  }
  const { sizeMax } = extensions;
  const { messageBytesMax } = limits;
  const sends = `this route sends up to ${bytesWords(messageBytesMax)}`;
  if (sizeMax === null) yield ok(`${id}: size`, `the server names none; ${sends}`);
  else if (sizeMax < messageBytesMax)
    yield warn(
      `${id}: size`,
      `at most ${bytesWords(sizeMax)}`,
      PROBLEMS.sizeSmaller(id, sizeMax, messageBytesMax),
    );
  else yield ok(`${id}: size`, `the server takes up to ${bytesWords(sizeMax)}; ${sends}`);
}

function answerFinding({ question, refusal }: Extract<ProbeStep, { step: 'answer' }>, id: string): Finding {
  const { sender, recipient } = question;
  const name = `${id}: mail to ${recipient}`;
  if (refusal === null) return ok(name, `would be taken from ${sender}`);
  const { reply, why, scope, action } = refusal;
  const detail = reply.text.split('\n');
  // Nobody says that this address is there: whoever knows that it is not takes mail for those that are.
  if (scope === 'recipient' && action === 'fail')
    return ok(name, 'no such recipient; others are asked for when mail goes', detail);
  const text = `${reply.code} ${reply.enhanced ?? ''}`.trim();
  return action === 'back-off' || action === 'split'
    ? warn(name, text, why, detail)
    : fail(name, text, why, detail);
}

async function faultFinding(
  { at, fault, upstream }: Extract<ProbeStep, { step: 'fault' }>,
  settings: RouteSettings,
  context: RouteContext,
): Promise<Finding> {
  const { why } = fault;
  // The last word before a broken handshake was a good one and explains nothing.
  const reply = fault.reply !== null && fault.reply.code >= 400 ? fault.reply : null;
  const name = `${settings.id}: ${placeOf(at, why)}`;
  const code = reply === null ? 'failed' : `${reply.code} ${reply.enhanced ?? ''}`.trim();
  const shown = reply?.text.split('\n') ?? [];
  const isAboutCertificate = why.code.startsWith('route.certificate-');
  const chain = isAboutCertificate && upstream !== null ? await chainShown(upstream, context) : [];
  return fail(name, code, why, [...shown, ...chain]);
}

const PLACES: Record<ProbePlace, string> = {
  names: 'name',
  session: 'connection',
  token: 'token',
  'sign-in': 'sign-in',
  envelope: 'envelope',
};

function placeOf(at: ProbePlace, { code }: Explanation): string {
  if (code === 'route.auth-missing') return 'AUTH';
  if (at !== 'session') return PLACES[at];
  if (code === 'route.starttls-missing') return 'STARTTLS';
  if (code.startsWith('route.certificate-')) return 'certificate';
  return code.startsWith('route.tls-') || code === 'reply.tls-too-old' ? 'TLS' : PLACES[at];
}

/** What the server showed that was not believed; for the eye alone, the connection ends with it. */
async function chainShown(
  { host, address, port }: { host: string; address: string | null; port: number },
  { clock, signal, hostname }: RouteContext,
): Promise<string[]> {
  if (address === null) return [];
  const { chain } = await lookAtSmtp({
    ...{ address, port, clock, signal },
    ...{ name: hostname, tls: 'starttls', tlsOptions: { servername: host } },
  });
  return describeChain(chain);
}
