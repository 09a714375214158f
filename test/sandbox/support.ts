/** A started sandbox with the ways into it that tests need. */

import { createSandbox, type Sandbox, type SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { dial, type RawClient } from './raw-client.ts';

export const MESSAGE = 'From: <scanner@contoso.com>\r\nSubject: Scan\r\n\r\nHello\r\n';

export interface Bench {
  sandbox: Sandbox;
  addresses: SandboxAddresses;
  clock: FakeClock;
  /** Greeted, EHLO said, in TLS, EHLO said again. */
  secureMx(options?: { localAddress?: string; key?: string; cert?: string }): Promise<RawClient>;
  secureSubmission(): Promise<RawClient>;
  /** The same, signed in by password as `user`. */
  signedIn(user?: string): Promise<RawClient>;
  stop(): Promise<void>;
}

export async function startBench(clock = createFakeClock()): Promise<Bench> {
  const sandbox = createSandbox({ clock, log: createQuietLog() });
  const addresses = await sandbox.start();
  const clients: RawClient[] = [];

  async function open(
    port: number,
    servername: string,
    options: { localAddress?: string; key?: string; cert?: string } = {},
  ): Promise<RawClient> {
    const { localAddress, ...certificate } = options;
    const client = await dial(port, localAddress);
    clients.push(client);
    await client.reply();
    await client.say('EHLO box.contoso.com');
    await client.say('STARTTLS');
    await client.secure({ servername, ca: addresses.caPem, ...certificate });
    await client.say('EHLO box.contoso.com');
    return client;
  }

  const secureSubmission = () => open(addresses.submission.port, addresses.submission.host);
  return {
    sandbox,
    addresses,
    clock,
    secureMx: (options) => open(addresses.mx.port, addresses.mx.exchange, options),
    secureSubmission,
    async signedIn(user = 'scanner@contoso.com') {
      const client = await secureSubmission();
      const mailbox = sandbox.tenant.mailboxes.get(user);
      await client.say('AUTH LOGIN');
      await client.say(base64(user));
      await client.say(base64(mailbox?.password ?? ''));
      return client;
    },
    async stop() {
      for (const client of clients) client.close();
      await sandbox.stop();
    },
  };
}

/** Sends an envelope and body; the reply to the final dot, or the first refusal. */
export async function submit(
  client: RawClient,
  options: { from?: string; to?: string[]; message?: string } = {},
): Promise<string> {
  const { from = 'scanner@contoso.com', to = ['office@contoso.com'], message = MESSAGE } = options;
  const lines = [`MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`), 'DATA'];
  for (const line of lines) {
    const reply = await client.say(line);
    if (!/^[23]/.test(reply)) return reply;
  }
  return client.say(`${message}.`);
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

export function xoauth2(user: string, token: string): string {
  return base64(`user=${user}\u0001auth=Bearer ${token}\u0001\u0001`);
}
