/** The simulated tenant and routes that lead to it. */
import { createHash } from 'node:crypto';
import { promises as dns } from 'node:dns';
import { Readable } from 'node:stream';
import type { Clock } from '../../src/core/clock.ts';
import type { DeliveryReport, RecipientOutcome } from '../../src/core/outcome.ts';
import { createSecret } from '../../src/core/secret.ts';
import { createRoute } from '../../src/routes/index.ts';
import { routeSettings } from '../../src/routes/settings.ts';
import type { FactStore, OutgoingMessage, Route, RouteDeps } from '../../src/routes/types.ts';
import { createSandbox, type Sandbox, type SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { DEFAULT_CLIENT_ID, DEFAULT_MAILBOX, type Mailbox } from '../../src/sandbox/tenant.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createQuietLog, type QuietLog } from '../support/quiet-log.ts';

export const MAILBOX = DEFAULT_MAILBOX;
export const CLIENT_ID = DEFAULT_CLIENT_ID;

export const SCAN = [
  'From: Copier <scanner@contoso.com>',
  'To: office@contoso.com',
  'Subject: Scan',
  'Message-ID: <1@copier.contoso.com>',
  '',
  'A page.',
  '',
].join('\r\n');

export interface Bench {
  clock: FakeClock;
  log: QuietLog;
  sandbox: Sandbox;
  addresses: SandboxAddresses;
  facts: FactStore & { values: Map<string, string> };
  deps: RouteDeps;
  mailbox: Mailbox;
  /** A route with these settings; it trusts the sandbox. Stopped with the bench. */
  route(settings: Record<string, unknown>, deps?: Partial<RouteDeps>): Route;
  submission(settings?: Record<string, unknown>, deps?: Partial<RouteDeps>): Route;
  oauth(auth?: Record<string, unknown>, deps?: Partial<RouteDeps>): Route;
  directSend(settings?: Record<string, unknown>): Route;
  connector(settings?: Record<string, unknown>): Route;
  stop(): Promise<void>;
}

/** Starts a tenant of its own, so that a test's switches are nobody else's. */
export async function startBench(): Promise<Bench> {
  const clock = createFakeClock(Date.now());
  const log = createQuietLog();
  const sandbox = createSandbox({ clock, log: createQuietLog() });
  const addresses = await sandbox.start();
  const mailbox = sandbox.tenant.mailboxes.get(MAILBOX);
  if (mailbox === undefined) throw new Error('the sandbox has no mailbox');
  const facts = createFacts();
  const resolver = new dns.Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([`${addresses.dns.address}:${addresses.dns.port}`]);
  const deps: RouteDeps = { clock, log, resolver, hostname: 'box.contoso.com', facts };
  const routes: Route[] = [];
  const bench: Bench = {
    ...{ clock, log, sandbox, addresses, facts, deps, mailbox },
    route(settings, own) {
      const route = createRoute(routeSettings().parse({ ca: pem(addresses.caPem), ...settings }), {
        ...deps,
        ...own,
      });
      routes.push(route);
      return route;
    },
    submission: (settings, own) =>
      bench.route(
        {
          ...{ id: 'mailbox', kind: 'submission', mailbox: MAILBOX, port: addresses.submission.port },
          auth: { kind: 'basic', password: createSecret(mailbox.password) },
          ...settings,
        },
        own,
      ),
    oauth: (auth, own) =>
      bench.submission(
        {
          auth: {
            ...{ kind: 'oauth', tenant: 'contoso.onmicrosoft.com', clientId: CLIENT_ID },
            authority: addresses.authority.url,
            clientSecret: createSecret(sandbox.tenant.apps.get(CLIENT_ID)?.secrets[0]?.value ?? ''),
            ...auth,
          },
        },
        own,
      ),
    directSend: (settings) =>
      bench.route({
        id: 'direct',
        kind: 'direct-send',
        domain: 'contoso.com',
        port: addresses.mx.port,
        ...settings,
      }),
    connector: (settings) =>
      bench.route({
        id: 'connector',
        kind: 'connector',
        domain: 'contoso.com',
        port: addresses.mx.port,
        ...settings,
      }),
    async stop() {
      for (const route of routes) await route.stop();
      await sandbox.stop();
    },
  };
  return bench;
}

export function createFacts(): FactStore & { values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    get: async (key) => values.get(key) ?? null,
    put: async (key, value) => {
      values.set(key, value);
    },
    delete: async (key) => {
      values.delete(key);
    },
  };
}

export function pem(text: string): { path: string; text: string } {
  return { path: 'test.pem', text };
}

export interface MessageOptions {
  body?: Buffer | string;
  sender?: string;
  recipients?: string[];
  bodyBytes?: number;
  openBody?: () => Promise<Readable>;
  beforeFinalDot?: OutgoingMessage['beforeFinalDot'];
}

export function message(options: MessageOptions = {}): OutgoingMessage {
  const body = Buffer.from(options.body ?? SCAN);
  return {
    head: {
      id: 'm1',
      receivedAt: 0,
      sender: options.sender ?? MAILBOX,
      messageIdHeader: '<1@copier.contoso.com>',
      bodyBytes: options.bodyBytes ?? body.length,
      device: {
        ...{ id: 'copier', address: '127.0.0.21', greeting: 'copier', login: null },
        ...{ profile: null, listener: '127.0.0.1:25', tls: null },
      },
    },
    recipients: options.recipients ?? ['office@contoso.com'],
    openBody: options.openBody ?? (async () => Readable.from(slices(body), { objectMode: false })),
    beforeFinalDot: options.beforeFinalDot ?? (async () => true),
  };
}

/** As the spool hands a body out. */
function* slices(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += 64 * 1024) yield body.subarray(at, at + 64 * 1024);
}

export function send(route: Route, options: MessageOptions = {}, signal = new AbortController().signal) {
  return route.deliver(message(options), signal);
}

export function outcomeFor(report: DeliveryReport, address: string): RecipientOutcome | undefined {
  return report.results.find((result) => result.address === address)?.outcome;
}

/** Kind of the outcome, then its explanation code or its reply. */
export function summary(report: DeliveryReport): Record<string, string> {
  return Object.fromEntries(
    report.results.map(({ address, outcome }) => [
      address,
      outcome.kind === 'delivered' ? 'delivered' : `${outcome.kind} ${outcome.why.code}`,
    ]),
  );
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export type { Clock };
