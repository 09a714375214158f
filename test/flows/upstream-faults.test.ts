/** An upstream that can't be trusted gets nothing: the route pauses, the scan waits without a try, and goes once it heals. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TestAgent } from '../support/agent.ts';
import { CLIENTS } from '../support/clients.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { POSTFIX_DEFAULTS } from '../support/postfix-config.ts';
import { POSTFIX_FAULTS, type PostfixFault } from './support/postfix-faults.ts';
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

/** Lines of Postfix's log that say a sender was named, which is the first it hears of a message. */
async function mailsStarted(): Promise<number> {
  return (await site.postfix.log()).match(/smtpd\[\d+\]: \w+: client=/g)?.length ?? 0;
}

async function breakIt({ postfix, stripStarttls }: PostfixFault): Promise<void> {
  await site.postfix.reconfigure({ ...POSTFIX_DEFAULTS, ...postfix });
  site.wiretap.stripStarttls = stripStarttls ?? false;
}

async function repairIt(): Promise<void> {
  await site.postfix.reconfigure(POSTFIX_DEFAULTS);
  site.wiretap.stripStarttls = false;
}

test.each(POSTFIX_FAULTS)('refuses $name, and delivers what waited once it is repaired', async (fault) => {
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
  const { code, cause, reply } = pause;
  expect(waiting).toMatchObject({
    hasBody: true,
    attempts: [{ routeId: ROUTE, results: [{ state: 'queued', code, cause, reply }] }],
    recipients: [{ state: 'queued', tries: 0 }],
  });
  expect(waiting.events.map(({ type }) => type)).toEqual(['message.accepted', 'route.failed']);

  await repairIt();
  if (fault.password === undefined) agent.agent.rooms.dispatch.resumeRoute(ROUTE, 'the test');
  else agent = await restart(agent);
  const [detail] = await agent.settled(1);
  expect(detail).toMatchObject({ hasBody: false, recipients: [{ state: 'delivered' }] });
  expect(detail?.attempts).toHaveLength(2);
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
  expect((await delivered)[0]?.attempts).toHaveLength(2);
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
