/** An upstream that can't be trusted gets nothing: the route pauses, the scan waits without a try, and goes once it heals. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TestAgent } from '../support/agent.ts';
import { CLIENTS } from '../support/clients.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { POSTFIX_DEFAULTS, type PostfixSettings } from '../support/postfix-config.ts';
import {
  detailOf,
  LOGIN,
  type PostfixSite,
  pauseOf,
  scanFrom,
  scanText,
  startPostfixSite,
  statusOf,
} from './support/upstream.ts';

const ROUTE = 'smarthost';

let site: PostfixSite;
let agent: TestAgent | null = null;

beforeAll(async () => {
  site = await startPostfixSite();
});
afterAll(() => site.stop());
afterEach(async () => {
  await agent?.stop();
  agent = null;
  site.wiretap.stripStarttls = false;
  await site.wiretap.setListening(true);
});

interface Fault {
  name: string;
  /** Switches of Postfix that make it so; all others are as they should be. */
  postfix?: Partial<PostfixSettings>;
  /** Set by the box's operator. */
  password?: string;
  stripStarttls?: true;
  code: string;
  /** The sentence for the operator. */
  cause: RegExp;
  /** The farthest the agent may go in clear. */
  clear: string[];
}

const GREETING = 'EHLO scanferry.local';

const FAULTS: Fault[] = [
  {
    name: 'TLS 1.1 only',
    postfix: { tls: { floor: 'TLSv1.1', ceiling: 'TLSv1.1' } },
    code: 'route.tls-too-old',
    cause: /^The server speaks only TLS 1\.1 or older \(smtp\.contoso\.com:\d+; ERR_SSL_\w+\)\.$/,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'TLS 1.0 only',
    postfix: { tls: { floor: 'TLSv1', ceiling: 'TLSv1' } },
    code: 'route.tls-too-old',
    cause: /^The server speaks only TLS 1\.1 or older /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'a self-signed certificate',
    postfix: { certificate: 'selfSigned' },
    code: 'route.certificate-self-signed',
    cause: /^The server's certificate is self-signed, so nobody vouches for it /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'an expired certificate',
    postfix: { certificate: 'expired' },
    code: 'route.certificate-expired',
    cause: /^The server's certificate has expired /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'a certificate that is not valid yet',
    postfix: { certificate: 'notYetValid' },
    code: 'route.certificate-not-yet-valid',
    cause: /^The server's certificate is not valid yet /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'a certificate for another name',
    postfix: { certificate: 'wrongName' },
    code: 'route.certificate-wrong-name',
    cause: /^The server's certificate is for another name /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'no STARTTLS, and AUTH offered in clear',
    postfix: { starttls: false },
    code: 'route.starttls-missing',
    cause: /^The server offers no encryption \(STARTTLS\), and mail never goes out in plain text /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'STARTTLS stripped on the way',
    stripStarttls: true,
    code: 'route.starttls-missing',
    cause: /^The server offers no encryption \(STARTTLS\), and mail never goes out in plain text /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'no AUTH',
    postfix: { auth: 'off' },
    code: 'route.auth-missing',
    cause: /^The server offers no way to sign in that fits this route /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'a password that Postfix refuses',
    password: 'not the password',
    code: 'reply.sign-in-refused',
    cause: /refused the sign-in: user, password, token or a right on the mailbox is wrong/,
    clear: [GREETING, 'STARTTLS'],
  },
];

/** Lines of Postfix's log that say a sender was named, which is the first it hears of a message. */
async function mailsStarted(): Promise<number> {
  return (await site.postfix.log()).match(/smtpd\[\d+\]: \w+: client=/g)?.length ?? 0;
}

async function breakIt({ postfix, stripStarttls }: Fault): Promise<void> {
  await site.postfix.reconfigure({ ...POSTFIX_DEFAULTS, ...postfix });
  site.wiretap.stripStarttls = stripStarttls ?? false;
}

async function repairIt(): Promise<void> {
  await site.postfix.reconfigure(POSTFIX_DEFAULTS);
  site.wiretap.stripStarttls = false;
}

test.each(FAULTS)('refuses $name, and delivers what waited once it is repaired', async (fault) => {
  await breakIt(fault);
  site.postfix.sink.clear();
  const [linesBefore, mailsBefore] = [site.wiretap.clearLines().length, await mailsStarted()];
  agent = await site.startAgent({ env: { PASSWORD: fault.password ?? LOGIN.password } });
  const marker = `marker of ${fault.code}`;
  const id = await scanFrom(agent, { message: scanText(marker) });

  const pause = await pauseOf(agent, ROUTE);
  expect(pause).toMatchObject({
    code: fault.code,
    cause: expect.stringMatching(fault.cause),
    needsPerson: true,
  });
  expect(pause.advice).toMatch(/^[A-Z].*\.$/);
  const clear = site.wiretap.clearLines().slice(linesBefore);
  expect(new Set(clear)).toEqual(new Set(fault.clear));
  expect(clear.join('\n')).not.toContain(marker);
  expect(await mailsStarted()).toBe(mailsBefore);
  const waiting = await detailOf(agent, id);
  expect(waiting).toMatchObject({ hasBody: true, attempts: [], recipients: [{ state: 'queued', tries: 0 }] });
  expect(waiting.events.map(({ type }) => type)).toEqual(['message.accepted']);

  await repairIt();
  if (fault.password === undefined) agent.agent.rooms.dispatch.resumeRoute(ROUTE, 'the test');
  else agent = await restart(agent);
  const [detail] = await agent.settled(1);
  expect(detail).toMatchObject({ hasBody: false, recipients: [{ state: 'delivered' }] });
  expect(detail?.attempts).toHaveLength(1);
  const arrived = await site.postfix.sink.waitFor(1);
  expect(arrived.map(({ raw }) => raw.includes(marker))).toEqual([true]);
  expect(statusOf(agent, ROUTE)).toMatchObject({ state: 'open', pause: null });
});

/** A password is set in the config, which is read at the start. */
async function restart(stopping: TestAgent): Promise<TestAgent> {
  await stopping.stop({ keep: true });
  return site.startAgent({ directory: stopping.directory });
}

test('asks again by itself when the pause is over', async () => {
  await site.postfix.reconfigure({ ...POSTFIX_DEFAULTS, certificate: 'expired' });
  site.postfix.sink.clear();
  const clock = createFakeClock(Date.now());
  agent = await site.startAgent({ clock, listenerTls: 'starttls' });
  await scanFrom(agent);
  const { since, until } = await pauseOf(agent, ROUTE);
  await repairIt();
  const delivered = agent.settled(1);
  await clock.advance(until - since);
  expect((await delivered)[0]?.attempts).toHaveLength(1);
  await site.postfix.sink.waitFor(1);
});

test('a login in clear would be seen: the wiretap sees that of a client without TLS', async () => {
  await site.postfix.reconfigure({ ...POSTFIX_DEFAULTS, starttls: false });
  const linesBefore = site.wiretap.clearLines().length;
  const { address, port } = site.wiretap;
  const login = { ...LOGIN, mechanism: 'LOGIN' } as const;
  const message = scanText('seen by everybody');
  const request = { host: address, port, tls: 'none', login, sender: LOGIN.user, message } as const;
  expect(await CLIENTS.python.send({ ...request, recipients: ['desk@contoso.com'] })).toMatchObject({
    ok: true,
  });
  const seen = site.wiretap.clearLines().slice(linesBefore);
  expect(seen).toContain(Buffer.from(LOGIN.password).toString('base64'));
  expect(seen).toContain('seen by everybody');
});
