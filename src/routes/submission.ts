/** Submission: to smtp.office365.com on port 587, signed in as a mailbox. */
import { domainOf } from '../core/message.ts';
import { deliver, type Way } from './deliver.ts';
import { connectionFailure } from './failure.ts';
import { createIdleSessions } from './idle-sessions.ts';
import { createTokenSource, type TokenSource } from './oauth.ts';
import { createSessionOpener } from './open-route-session.ts';
import { shapeAs } from './rewrite.ts';
import { SessionRefused } from './session-errors.ts';
import type { SubmissionSettings } from './settings.ts';
import type { Credentials, SmtpSession } from './smtp-session.ts';
import { createRouteTls } from './tls.ts';
import type { Route, RouteDeps, SignInFacts } from './types.ts';

export function createSubmissionRoute(settings: SubmissionSettings, deps: RouteDeps): Route {
  const { host, port, mailbox, limits } = settings;
  const open = createSessionOpener(deps, createRouteTls(settings));
  const idle = createIdleSessions(deps.clock, limits.connections);
  const signIn = createSignIn(settings, deps);
  const rule = { mailbox, mode: settings.rewriteSender, sendAs: settings.sendAs };
  const ownDomains = ownDomainsOf(settings);

  const way: Way = {
    kind: settings.kind,
    limits,
    ownDomains,
    log: deps.log,
    clock: deps.clock,
    async acquire(signal, isFreshWanted) {
      const kept = isFreshWanted ? null : idle.take();
      if (kept !== null) return { session: kept, isKept: true };
      return { session: await signIn.open(() => open({ host, port }, signal), signal), isKept: false };
    },
    release: (session) => idle.keep(session),
    shape: (header, head) => shapeAs(header, head, rule),
  };
  return {
    id: settings.id,
    kind: settings.kind,
    limits,
    ownDomains,
    canCarry: (recipient) => domainOf(recipient) !== '',
    deliver: (message, signal) => deliver(way, message, signal),
    ...(signIn.facts === undefined ? {} : { signInFacts: signIn.facts }),
    async stop() {
      idle.stop();
      signIn.stop();
    },
  };
}

/** Microsoft lets a mailbox send only as addresses in accepted domains of its tenant. */
function ownDomainsOf({ mailbox, sendAs }: SubmissionSettings): string[] {
  const domains = [mailbox, ...sendAs].map((entry) => domainOf(entry) || entry.toLowerCase());
  return [...new Set(domains)];
}

interface SignIn {
  /** Opens a session and signs it in. */
  open(open: () => Promise<SmtpSession>, signal: AbortSignal): Promise<SmtpSession>;
  /** Left out where it is done without a token. */
  facts?(): SignInFacts;
  stop(): void;
}

function createSignIn(settings: SubmissionSettings, deps: RouteDeps): SignIn {
  const { auth, mailbox } = settings;
  if (auth.kind === 'oauth')
    return signInByToken(
      mailbox,
      createTokenSource({ id: settings.id, auth, mailbox, ca: settings.ca }, deps),
      `${settings.host}:${settings.port}`,
    );
  return {
    async open(open, signal) {
      const session = await open();
      const mechanism = ['LOGIN', 'PLAIN'].find((name) => session.extensions.mechanisms.includes(name));
      if (mechanism !== 'LOGIN' && mechanism !== 'PLAIN') throw noWayToSignIn(session);
      const credentials = {
        mechanism,
        user: auth.user ?? mailbox,
        password: auth.password.reveal(),
      } as const;
      await session.signIn(credentials, signal);
      return session;
    },
    stop: () => {},
  };
}

/** A refused token may just be stale (revoked, or the mailbox was moved), so one new token is tried. */
function signInByToken(mailbox: string, tokens: TokenSource, where: string): SignIn {
  async function openWith(token: string, open: () => Promise<SmtpSession>, signal: AbortSignal) {
    const session = await open();
    if (!session.extensions.mechanisms.includes('XOAUTH2')) throw noWayToSignIn(session, where);
    const credentials: Credentials = { mechanism: 'XOAUTH2', user: mailbox, token };
    await session.signIn(credentials, signal);
    return session;
  }
  return {
    async open(open, signal) {
      const token = await tokens.token(signal);
      try {
        return await openWith(token, open, signal);
      } catch (error) {
        if (!isTokenRefused(error)) throw error;
        return await openWith(await tokens.renew(token, signal), open, signal);
      }
    },
    facts: () => tokens.facts(),
    stop: () => tokens.stop(),
  };
}

function isTokenRefused(error: unknown): boolean {
  return (
    error instanceof SessionRefused &&
    error.exchange.stage === 'auth' &&
    (error.exchange.reply?.code ?? 0) >= 500
  );
}

function noWayToSignIn(session: SmtpSession, where = session.upstream.host) {
  session.quit();
  return connectionFailure('route.auth-missing', where, { upstream: session.upstream });
}
