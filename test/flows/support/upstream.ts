/** Sites for the flow tests: an agent whose way out leads to a private Postfix or to the simulated tenant. */
import { createSystemClock } from '../../../src/core/clock.ts';
import type { RouteStatus } from '../../../src/dispatch/types.ts';
import { type ScanOptions, type ScanResult, sendScan } from '../../../src/sandbox/device.ts';
import { createDnsServer } from '../../../src/sandbox/dns-server.ts';
import { createSandbox, type Sandbox, type SandboxAddresses } from '../../../src/sandbox/sandbox.ts';
import { DEFAULT_CLIENT_ID, DEFAULT_MAILBOX } from '../../../src/sandbox/tenant.ts';
import type { MessageDetail } from '../../../src/spool/types.ts';
import { startTestAgent, type TestAgent, type TestAgentOptions } from '../../support/agent.ts';
import { type Postfix, type PostfixOptions, startPostfix } from '../../support/postfix.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { startWiretap, type Wiretap } from './wiretap.ts';

/** The mailbox is the sender of the corpus, so that nothing has to be rewritten. */
export const LOGIN = { user: 'copier@contoso.com', password: 'correct horse' } as const;

type StartOptions = Pick<TestAgentOptions, 'clock' | 'directory' | 'env'> & {
  /** How TLS starts on the listener; `starttls` waits for no clock. Default auto. */
  listenerTls?: 'auto' | 'starttls';
};

export interface PostfixSite {
  postfix: Postfix;
  /** Everything between agent and Postfix passes it. */
  wiretap: Wiretap;
  /** The name server that knows it. */
  names: { address: string; port: number };
  /** `lines` is YAML of further top-level keys. */
  startAgent(options?: StartOptions & { lines?: string }): Promise<TestAgent>;
  stop(): Promise<void>;
}

/** A Postfix with SASL behind a wiretap, found by its name as a real smarthost is. */
export async function startPostfixSite(options: PostfixOptions = {}): Promise<PostfixSite> {
  const postfix = await startPostfix({ logins: [LOGIN], ...options });
  const wiretap = await startWiretap(postfix);
  const dns = createDnsServer({ log: createQuietLog(), address: '127.0.0.1' });
  dns.zone.set(postfix.host, { A: [wiretap.address] });
  const names = await dns.start();
  const routes = `routes:
  - id: smarthost
    kind: submission
    host: ${postfix.host}
    port: ${wiretap.port}
    ca: ca.pem
    mailbox: ${LOGIN.user}
    auth: { kind: basic, password: { env: PASSWORD } }
    limits: { messagesPerMinute: 1000 }
`;
  return {
    postfix,
    wiretap,
    names,
    startAgent: ({ env, listenerTls, lines = '', ...more } = {}) =>
      startTestAgent({
        yaml: siteLines(names, listenerTls) + routes + lines,
        files: { 'ca.pem': postfix.certificates.ca },
        env: { PASSWORD: LOGIN.password, ...env },
        ...more,
      }),
    async stop() {
      await wiretap.stop();
      await dns.stop();
      await postfix.stop();
    },
  };
}

/** Everything of a config but its routes. */
export function siteLines(dns: { address: string; port: number }, tls = 'auto'): string {
  return `site: { id: upstream }
dns: { servers: ['${dns.address}:${dns.port}'] }
intake:
  listeners: [{ address: 127.0.0.1, port: 0, tls: ${tls} }]
  trustedNetworks: [127.0.0.0/8]
  unknownDevices: accept
spool: { minFreeBytes: 0 }
`;
}

/** Message-IDs of what Postfix has taken over, in order: a second copy shows here before it is anywhere else. */
export async function takenByPostfix(postfix: Postfix): Promise<string[]> {
  const log = await postfix.log();
  const ids = new Map(
    [...log.matchAll(/cleanup\[\d+\]: (\w+): message-id=(.*)$/gm)].map(([, queueId, id]) => [queueId, id]),
  );
  const active = [...log.matchAll(/qmgr\[\d+\]: (\w+): .*\(queue active\)$/gm)].map(([, queueId]) => queueId);
  return [...new Set(active)].map((queueId) => ids.get(queueId) ?? 'none');
}

export interface TenantSite {
  sandbox: Sandbox;
  addresses: SandboxAddresses;
  /** `routes` and `routing` are YAML; secrets that they name come from `env`. */
  startAgent(outside: { routes: string; files?: Record<string, string> } & StartOptions): Promise<TestAgent>;
  stop(): Promise<void>;
}

/** The simulated tenant and what its administrator would enter. */
export async function startTenantSite(): Promise<TenantSite> {
  const sandbox = createSandbox({ clock: createSystemClock(0), log: createQuietLog() });
  const addresses = await sandbox.start();
  return {
    sandbox,
    addresses,
    startAgent: ({ routes, files, env, listenerTls, ...more }) =>
      startTestAgent({
        yaml: siteLines(addresses.dns, listenerTls) + routes,
        files: { 'ca.pem': addresses.caPem, ...files },
        env: {
          PASSWORD: sandbox.tenant.mailboxes.get(DEFAULT_MAILBOX)?.password ?? '',
          CLIENT_SECRET: appOf(sandbox).secrets[0]?.value ?? '',
          ...env,
        },
        ...more,
      }),
    stop: () => sandbox.stop(),
  };
}

/** The app registration that the tenant starts with. */
export function appOf(sandbox: Sandbox) {
  const app = sandbox.tenant.apps.get(DEFAULT_CLIENT_ID);
  if (app === undefined) throw new Error('the sandbox has no app');
  return app;
}

/** One flow-style YAML line of a route: `id` is its kind's own word, the rest is what this tenant needs. */
export function routeLines(
  { submission, mx, authority }: SandboxAddresses,
  more: { auth?: string; mailbox?: string; connector?: string } = {},
): Record<'mailbox' | 'oauth' | 'direct' | 'connector', string> {
  const mailbox = `kind: submission, host: ${submission.host}, port: ${submission.port}, ca: ca.pem, mailbox: ${DEFAULT_MAILBOX}`;
  const app = `kind: oauth, tenant: contoso.onmicrosoft.com, clientId: ${DEFAULT_CLIENT_ID}, authority: '${authority.url}'`;
  const exchange = `domain: ${mx.domain}, port: ${mx.port}, ca: ca.pem`;
  return {
    mailbox: `  - { id: mailbox, ${mailbox}, auth: { kind: basic, password: { env: PASSWORD } } ${more.mailbox ?? ''} }\n`,
    oauth: `  - { id: mailbox, ${mailbox}, auth: { ${app}, ${more.auth ?? 'clientSecret: { env: CLIENT_SECRET }'} } }\n`,
    direct: `  - { id: direct, kind: direct-send, ${exchange} }\n`,
    connector: `  - { id: connector, kind: connector, ${exchange} ${more.connector ?? ''} }\n`,
  };
}

/** A copier of 2012 hands a scan to the box; fails the test when the box does not take it. Returns the message's id. */
export async function scanFrom(
  agent: TestAgent,
  scan: Partial<Omit<ScanOptions, 'connect'>> & { device?: string } = {},
): Promise<string> {
  const { device = '127.0.0.1', ...options } = scan;
  const result: ScanResult = await sendScan({
    connect: { host: '127.0.0.1', port: agent.port(), localAddress: device },
    tls: 'starttls',
    tlsMax: 'TLSv1',
    hello: { verb: 'EHLO', name: 'copier.contoso.com' },
    from: LOGIN.user,
    to: ['desk@contoso.com'],
    message: scanText('A page.'),
    ...options,
  });
  const id = / as ([0-9a-z]+)\s*$/.exec(result.replyText)?.[1];
  if (!result.accepted || id === undefined)
    throw new Error(`the box did not take the scan: ${result.replyText} ${result.failure ?? ''}`);
  return id;
}

/** A short scan by the sender of the corpus. */
export function scanText(text: string, headers: readonly string[] = []): Buffer {
  return Buffer.from([`From: ${LOGIN.user}`, 'Subject: Scan', ...headers, '', text, ''].join('\r\n'));
}

/** Resolves with the pause of the route once it has one, and what met the fault waits again. */
export function pauseOf(agent: TestAgent, id: string): Promise<NonNullable<RouteStatus['pause']>> {
  const { spool } = agent.agent.rooms;
  return agent.when(async () => {
    const sending = await spool.list({ states: ['sending'] }, { limit: 1, before: null });
    return sending.length === 0 ? statusOf(agent, id).pause : null;
  }, `${id} is paused`);
}

export function statusOf(agent: TestAgent, id: string): RouteStatus {
  const status = agent.agent.rooms.dispatch.routes().find((route) => route.id === id);
  if (status === undefined) throw new Error(`there is no route ${id}`);
  return status;
}

/** What the spool knows of a message. */
export async function detailOf(agent: TestAgent, id: string): Promise<MessageDetail> {
  const detail = await agent.agent.rooms.spool.show(id);
  if (detail === null) throw new Error(`there is no message ${id}`);
  return detail;
}

/** State of each recipient, by address. */
export function statesOf(detail: MessageDetail | undefined): Record<string, string> {
  return Object.fromEntries(detail?.recipients.map(({ address, state }) => [address, state]) ?? []);
}
