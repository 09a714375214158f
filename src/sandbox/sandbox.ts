/** A simulated Microsoft 365 tenant on this machine: submission host, MX, sign-in service and the DNS that names them. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { AUTHORITY_HOST, type Authority, createAuthority } from './authority.ts';
import {
  type CertificateAuthority,
  type CertificateOptions,
  createCertificateAuthority,
  type IssuedCertificate,
} from './certificates.ts';
import { createDnsServer, type DnsServer } from './dns-server.ts';
import { createMessageStore, type ReceivedMessage } from './message-store.ts';
import { createMxPolicy, MX_HOST } from './mx-policy.ts';
import type { HostKind } from './replies.ts';
import type { HostPolicy, SessionRecord } from './session.ts';
import { createSmtpHost, type SmtpHost } from './smtp-host.ts';
import { createSubmissionPolicy, type MailboxUse, SUBMISSION_HOST } from './submission-policy.ts';
import { createTenant, DEFAULT_DOMAIN, type PendingCodes, type TenantState } from './tenant.ts';
import { createTlsContexts } from './tls-contexts.ts';
import { createTokenService } from './tokens.ts';

export interface SandboxDeps {
  clock: Clock;
  log: Log;
  /** Address all parts listen on; 127.0.0.1 by default. */
  address?: string;
  /** Bodies kept in memory, in bytes; the hash and the size are kept always. */
  bodyBytesMax?: number;
}

interface Endpoint {
  address: string;
  port: number;
}

export interface SandboxAddresses {
  submission: Endpoint & { host: string };
  mx: Endpoint & { domain: string; exchange: string };
  /** `url` names the tenant too; its host is resolved by `dns`. */
  authority: Endpoint & { host: string; url: string };
  dns: Endpoint;
  /** The authority behind every certificate of the sandbox. */
  caPem: string;
}

export interface Sandbox {
  /** Switches, mailboxes, apps, faults and scripted replies; changeable at any time. */
  tenant: TenantState;
  /** Zone and behaviour of the name server. */
  dns: Pick<DnsServer, 'zone' | 'mode'>;
  start(): Promise<SandboxAddresses>;
  stop(): Promise<void>;
  received(): ReceivedMessage[];
  /** Forgets what was received. */
  clearReceived(): void;
  /** Resolves once `count` messages are there; rejects after `timeoutMs` of the clock (30 s by default). */
  waitForMessages(count: number, options?: { timeoutMs?: number }): Promise<ReceivedMessage[]>;
  /** Every session so far, oldest first: how far it came, and whether a command crossed in plain text. */
  sessions(): SessionRecord[];
  /** What a mailbox used of its limits. */
  use(mailbox: string): MailboxUse;
  /** While false, connections to that host are refused. */
  setListening(host: HostKind, isListening: boolean): Promise<void>;
  /** A certificate of the sandbox's own authority (client certificates, peers in tests). After start. */
  issueCertificate(options: CertificateOptions): Promise<IssuedCertificate>;
}

const WAIT_MS = 30_000;

/** What exists only while the sandbox runs. */
interface Running {
  certificates: CertificateAuthority;
  hosts: Record<HostKind, SmtpHost>;
  authority: Authority;
}

export function createSandbox(deps: SandboxDeps): Sandbox {
  const { clock, log } = deps;
  const address = deps.address ?? '127.0.0.1';
  const codes: PendingCodes = new Map();
  const tokens = createTokenService(clock);
  const { tenant, script } = createTenant({ tokens, codes });
  const store = createMessageStore({ clock, bodyBytesMax: deps.bodyBytesMax ?? LIMITS.sandboxBodyBytesMax });
  const submission = createSubmissionPolicy({ clock, tenant, tokens });
  const mx = createMxPolicy(tenant);
  const dns = createDnsServer({ log, address });
  let running: Running | null = null;

  function host(policy: HostPolicy, certificates: CertificateAuthority, names: string[]): SmtpHost {
    const contexts = createTlsContexts(certificates, names);
    const faults = () => tenant.faults[policy.kind];
    return createSmtpHost({ clock, log, policy, script, faults, contexts, store, address });
  }

  function expectRunning(): Running {
    if (!running) throw new Error('the sandbox is not started');
    return running;
  }

  return {
    tenant,
    dns,
    async start() {
      const certificates = await createCertificateAuthority();
      const hosts = {
        submission: host(submission, certificates, [SUBMISSION_HOST]),
        mx: host(mx, certificates, [MX_HOST, '*.mail.protection.outlook.com']),
      };
      const authority = createAuthority({ clock, tenant, tokens, codes, log, address, certificates });
      running = { certificates, hosts, authority };
      const records = { A: [address] };
      for (const name of [SUBMISSION_HOST, MX_HOST, AUTHORITY_HOST]) dns.zone.set(name, records);
      dns.zone.set(DEFAULT_DOMAIN, {
        MX: [{ exchange: MX_HOST, preference: 0 }],
        TXT: ['v=spf1 include:spf.protection.outlook.com -all'],
      });
      // The tenant's own mail leaves from here.
      dns.zone.set('spf.protection.outlook.com', { TXT: ['v=spf1 ip4:127.0.0.0/8 -all'] });
      const signIn = await authority.start();
      return {
        submission: { ...(await hosts.submission.start()), host: SUBMISSION_HOST },
        mx: { ...(await hosts.mx.start()), domain: DEFAULT_DOMAIN, exchange: MX_HOST },
        authority: {
          ...signIn,
          host: AUTHORITY_HOST,
          url: `https://${AUTHORITY_HOST}:${signIn.port}/${tenant.ids[0]}`,
        },
        dns: await dns.start(),
        caPem: certificates.caPem,
      };
    },
    async stop() {
      const stopping = running;
      running = null;
      if (!stopping) return;
      const { hosts, authority } = stopping;
      await Promise.all([hosts.submission.stop(), hosts.mx.stop(), authority.stop(), dns.stop()]);
    },
    received: () => store.received(),
    clearReceived: () => store.clear(),
    waitForMessages: (count, options = {}) => store.waitFor(count, options.timeoutMs ?? WAIT_MS),
    sessions() {
      const { hosts } = expectRunning();
      const all = [...hosts.submission.sessions(), ...hosts.mx.sessions()];
      return all.sort((left, right) => left.startedAt - right.startedAt);
    },
    use: (mailbox) => submission.use(mailbox),
    setListening: (kind, isListening) => expectRunning().hosts[kind].setListening(isListening),
    issueCertificate: (options) => expectRunning().certificates.issue(options),
  };
}
