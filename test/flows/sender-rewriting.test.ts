/** Whose name a scan goes out under: every mode of the route with every mode of the device, as Microsoft 365 sees it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SenderRewrite } from '../../src/core/message.ts';
import type { ReceivedMessage } from '../../src/sandbox/message-store.ts';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import type { TestAgent } from '../support/agent.ts';
import { arrivedFor } from '../support/site.ts';
import { detailOf, routeLines, scanFrom, startTenantSite, type TenantSite } from './support/upstream.ts';

/** The mailbox may send as it, and the route knows. */
const ALLOWED = 'boss@fabrikam.com';
/** What a copier has from its factory. */
const FOREIGN = 'root@copier.invalid';
const NAME = 'Copier, 2nd floor';

const ROUTES: Record<SenderRewrite, string> = {
  off: 'off.example',
  'if-needed': 'needed.example',
  always: 'always.example',
};
/** By what the config says for the device; `null` says nothing. */
const DEVICES: readonly (readonly [SenderRewrite | null, string])[] = [
  [null, '127.0.0.2'],
  ['off', '127.0.0.3'],
  ['if-needed', '127.0.0.4'],
  ['always', '127.0.0.5'],
];

let site: TenantSite;
let agent: TestAgent;
let count = 0;
beforeAll(async () => {
  site = await startTenantSite();
  site.sandbox.tenant.mailboxes.get(DEFAULT_MAILBOX)?.sendAs.push('fabrikam.com');
  const modes = Object.entries(ROUTES);
  const routes = modes.map(([mode]) =>
    routeLines(site.addresses, {
      mailbox: `, rewriteSender: ${mode}, sendAs: [fabrikam.com], limits: { messagesPerMinute: 1000 }`,
    }).mailbox.replace('id: mailbox', `id: route-${mode}`),
  );
  const rules = modes.map(([mode, domain]) => `  - { recipients: [${domain}], use: [route-${mode}] }\n`);
  const devices = DEVICES.map(
    ([mode, address]) =>
      `  - { id: device-${mode ?? 'plain'}, address: ${address}${mode === null ? '' : `, rewriteSender: ${mode}`} }\n`,
  );
  agent = await site.startAgent({
    listenerTls: 'starttls',
    routes: `devices:\n${devices.join('')}routes:\n${routes.join('')}routing:\n${rules.join('')}`,
  });
});
afterAll(async () => {
  await agent.stop();
  await site.stop();
});

interface Seen {
  envelope: string;
  from: string;
  replyTo: string | null;
}

/** Sends as `sender` and returns the sender's marks as the tenant received them, or the code of a hold. */
async function sendAs(sender: string, route: SenderRewrite, device: string, more: string[] = []) {
  const recipient = `desk-${++count}@${ROUTES[route]}`;
  const message = Buffer.from(
    [`From: "${NAME}" <${sender}>`, ...more, 'Subject: Scan', '', 'A page.', ''].join('\r\n'),
  );
  const id = await scanFrom(agent, { tls: 'none', device, from: sender, to: [recipient], message });
  const recipients = await agent.when(async () => {
    const now = (await detailOf(agent, id)).recipients;
    return now.every(({ state }) => ['delivered', 'held', 'deferred'].includes(state)) ? now : null;
  }, `${id} was tried`);
  const [status] = recipients;
  return status?.state === 'delivered' ? marksOf(await arrivedFor(site.sandbox, recipient)) : status?.code;
}

function marksOf({ sender, body }: ReceivedMessage): Seen {
  const header = body?.toString('latin1').split('\r\n\r\n')[0] ?? '';
  const value = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(header)?.[1] ?? null;
  return { envelope: sender, from: value('From') ?? '', replyTo: value('Reply-To') };
}

const asSent = (sender: string): Seen => ({
  ...{ envelope: sender, from: `"${NAME}" <${sender}>`, replyTo: null },
});
const asMailbox = (sender: string): Seen => ({
  envelope: DEFAULT_MAILBOX,
  from: `"${NAME}" <${DEFAULT_MAILBOX}>`,
  replyTo: `<${sender}>`,
});

/** What a mode makes of a sender the mailbox may use, and of one it may not. */
const EXPECTED: Record<SenderRewrite, { allowed: Seen; foreign: Seen | string }> = {
  off: { allowed: asSent(ALLOWED), foreign: 'reply.send-as-denied' },
  'if-needed': { allowed: asSent(ALLOWED), foreign: asMailbox(FOREIGN) },
  always: { allowed: asMailbox(ALLOWED), foreign: asMailbox(FOREIGN) },
};

const COMBINATIONS = DEVICES.flatMap(([mode, address]) =>
  (Object.keys(ROUTES) as SenderRewrite[]).map((route) => ({ mode, address, route })),
);

test.each(COMBINATIONS)(
  'route $route, device $mode: envelope, From and Reply-To',
  async ({ mode, address, route }) => {
    const { allowed, foreign } = EXPECTED[mode ?? route];
    expect(await sendAs(ALLOWED, route, address)).toEqual(allowed);
    expect(await sendAs(FOREIGN, route, address)).toEqual(foreign);
  },
);

test('a Reply-To and an encoded display name stay as the device wrote them', async () => {
  const recipient = `desk-${++count}@${ROUTES['if-needed']}`;
  const name = '=?utf-8?Q?B=C3=BCro_2?=';
  const message = `From: ${name} <${FOREIGN}>\r\nReply-To: <office@contoso.com>\r\n\r\nA page.\r\n`;
  const scan = { device: '127.0.0.2', from: FOREIGN, to: [recipient], message: Buffer.from(message) };
  await scanFrom(agent, { tls: 'none', ...scan });
  expect(marksOf(await arrivedFor(site.sandbox, recipient))).toEqual({
    envelope: DEFAULT_MAILBOX,
    from: `${name} <${DEFAULT_MAILBOX}>`,
    replyTo: '<office@contoso.com>',
  });
});
