/** A whole site on this machine: the simulated tenant, and a config that sends to it by direct send. */
import { createSystemClock } from '../../src/core/clock.ts';
import type { ReceivedMessage } from '../../src/sandbox/message-store.ts';
import { createSandbox, type Sandbox, type SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import type { MessageSummary } from '../../src/spool/types.ts';
import { startTestAgent, type TestAgent } from './agent.ts';
import { createQuietLog } from './quiet-log.ts';

export interface SiteOptions {
  /** Flow mappings of the listeners; one `auto` on a free port when left out. */
  listeners?: readonly string[];
  /** Further lines under `intake`, in place of: all of loopback trusted, unknown devices accepted. */
  intake?: readonly string[];
  /** Inside of the spool's flow mapping; `minFreeBytes: 0` when left out. */
  spool?: string;
  /** Flow mappings of devices. */
  devices?: readonly string[];
  /** Further top-level lines. */
  more?: readonly string[];
}

const MIB = 1024 ** 2;

/** Everything of a config but `dataDir`; it expects the sandbox's authority as `ca.pem` beside it. */
export function siteYaml({ dns, mx }: SandboxAddresses, options: SiteOptions = {}): string {
  const intake = options.intake ?? ['trustedNetworks: [127.0.0.0/8]', 'unknownDevices: accept'];
  const listeners = options.listeners ?? ['{ address: 127.0.0.1, port: 0 }'];
  const list = (items: readonly string[]) => items.map((item) => `\n    - ${item}`).join('');
  return `site: { id: site }
dns: { servers: ['${dns.address}:${dns.port}'] }
intake:
  listeners:${list(listeners)}
${intake.map((line) => `  ${line}\n`).join('')}spool: { ${options.spool ?? 'minFreeBytes: 0'} }
devices: [${(options.devices ?? []).join(', ')}]
routes:
  - id: direct
    kind: direct-send
    domain: ${mx.domain}
    port: ${mx.port}
    ca: ca.pem
    limits: { messagesPerMinute: 100000, connections: 8 }
${(options.more ?? []).map((line) => `${line}\n`).join('')}`;
}

/** Starts a simulated tenant that keeps up to 512 MiB of bodies for the test to compare. */
export async function startTenant(): Promise<{ sandbox: Sandbox; addresses: SandboxAddresses }> {
  const sandbox = createSandbox({
    clock: createSystemClock(0),
    log: createQuietLog(),
    bodyBytesMax: 512 * MIB,
  });
  return { sandbox, addresses: await sandbox.start() };
}

/** The message that arrived for `recipient`; waits for it. */
export async function arrivedFor(sandbox: Sandbox, recipient: string): Promise<ReceivedMessage> {
  for (;;) {
    const all = sandbox.received();
    const found = all.find((message) => message.recipients.includes(recipient));
    if (found) return found;
    await sandbox.waitForMessages(all.length + 1);
  }
}

export interface Site {
  sandbox: Sandbox;
  addresses: SandboxAddresses;
  agent: TestAgent;
  arrived(recipient: string): Promise<ReceivedMessage>;
  /** What the spool keeps of the messages for `recipient`. */
  kept(recipient: string): Promise<MessageSummary[]>;
  stop(): Promise<void>;
}

/** Starts tenant and agent in the test's own process. */
export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const { sandbox, addresses } = await startTenant();
  const agent = await startTestAgent({
    yaml: siteYaml(addresses, options),
    files: { 'ca.pem': addresses.caPem },
  });
  return {
    sandbox,
    addresses,
    agent,
    arrived: (recipient) => arrivedFor(sandbox, recipient),
    kept: (recipient) => agent.agent.rooms.spool.list({ recipient }, { limit: 100, before: null }),
    async stop() {
      await agent.stop();
      await sandbox.stop();
    },
  };
}
