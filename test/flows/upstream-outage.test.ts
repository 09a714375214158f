/** The upstream is away or the box is stopped in the middle: everything acknowledged arrives, once. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { TestAgent } from '../support/agent.ts';
import { buildScan } from '../support/corpus.ts';
import { bodyAfterTraceHeaders } from '../support/lmtp-sink.ts';
import {
  detailOf,
  type PostfixSite,
  pauseOf,
  scanFrom,
  scanText,
  startPostfixSite,
  statusOf,
  takenByPostfix,
} from './support/upstream.ts';

const ROUTE = 'smarthost';
const MIB = 1024 * 1024;

let site: PostfixSite;
let agent: TestAgent;

beforeEach(async () => {
  site = await startPostfixSite();
  agent = await site.startAgent();
});
afterEach(async () => {
  await agent.stop();
  await site.stop();
});

const stats = () => agent.agent.rooms.spool.stats();

function messageIdsAtSink(): string[] {
  return site.postfix.sink.messages.map(
    ({ raw }) => /^Message-ID: (.*)$/im.exec(raw.toString('latin1'))?.[1]?.trim() ?? 'none',
  );
}

test('three devices send while the upstream is down, and each scan arrives once when it is back', async () => {
  await site.wiretap.setListening(false);
  const devices = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
  const scansEach = 5;
  const ids = await Promise.all(
    devices.map(async (device) => {
      const sent: string[] = [];
      for (let scan = 0; scan < scansEach; scan++)
        sent.push(await scanFrom(agent, { device, message: scanText(`scan ${scan} of ${device}`) }));
      return sent;
    }),
  );
  const acknowledged = ids.flat();
  expect(new Set(acknowledged).size).toBe(devices.length * scansEach);
  expect(await pauseOf(agent, ROUTE)).toMatchObject({ code: 'route.refused', needsPerson: false });
  expect((await stats()).recipients).toMatchObject({
    queued: acknowledged.length,
    deferred: 0,
    delivered: 0,
  });
  const before = await Promise.all(acknowledged.map((id) => detailOf(agent, id)));
  expect(new Set(before.map(({ recipients }) => recipients[0]?.tries))).toEqual(new Set([0]));

  await site.wiretap.setListening(true);
  agent.agent.rooms.dispatch.resumeRoute(ROUTE, 'the test');
  await agent.settled(acknowledged.length);
  await site.postfix.sink.waitFor(acknowledged.length);
  const messageIds = before.map(({ head }) => head.messageIdHeader);
  expect((await takenByPostfix(site.postfix)).sort()).toEqual([...messageIds].sort());
  expect(messageIdsAtSink().sort()).toEqual([...messageIds].sort());
  const after = await Promise.all(acknowledged.map((id) => detailOf(agent, id)));
  expect(after.map(({ head }) => head.messageIdHeader)).toEqual(messageIds);
});

test('scans that wait outlive a restart of the box, and keep their Message-ID', async () => {
  await site.wiretap.setListening(false);
  const id = await scanFrom(agent);
  await pauseOf(agent, ROUTE);
  const { head } = await detailOf(agent, id);
  await agent.stop({ keep: true });
  await site.wiretap.setListening(true);
  agent = await site.startAgent({ directory: agent.directory });
  await agent.settled(1);
  await site.postfix.sink.waitFor(1);
  expect(messageIdsAtSink()).toEqual([head.messageIdHeader]);
  expect(await takenByPostfix(site.postfix)).toEqual([head.messageIdHeader]);
  expect(statusOf(agent, ROUTE).state).toBe('open');
});

test('a connection lost in the middle of a scan costs a try, and the scan arrives once', async () => {
  const held = site.wiretap.holdAfter(MIB);
  const bytes = buildScan({ seed: 'cut', pdfBytes: 4 * MIB });
  const id = await scanFrom(agent, { message: bytes });
  await held;
  site.wiretap.release();
  const recipient = await agent.when(
    async () => (await detailOf(agent, id)).recipients.find(({ state }) => state !== 'sending') ?? null,
    'the attempt has ended',
  );
  expect(recipient).toMatchObject({ state: 'deferred', tries: 1 });
  expect(recipient.code).toMatch(/^(route\.reset|route\.closed|message\.connection-lost)$/);
  expect(site.postfix.sink.messages).toEqual([]);
  expect(statusOf(agent, ROUTE)).toMatchObject({ state: 'open', lastSuccessAt: null });
  const { spool } = agent.agent.rooms;
  await spool.act('retry', { ids: [id] }, 'the test');
  await agent.settled(1);
  const [message] = await site.postfix.sink.waitFor(1);
  expect(bodyAfterTraceHeaders(message?.raw ?? Buffer.alloc(0), 2).equals(bytes)).toBe(true);
  expect(await takenByPostfix(site.postfix)).toHaveLength(1);
});

test('stops within 10 s in the middle of a scan of 25 MiB, and delivers it once at the next start', async () => {
  const bytes = buildScan({ seed: 'stop', pdfBytes: 25 * MIB });
  const held = site.wiretap.holdAfter(10 * MIB);
  const id = await scanFrom(agent, { message: bytes });
  await held;
  expect((await stats()).recipients.sending).toBe(1);

  const startedAt = performance.now();
  await agent.stop({ keep: true });
  expect(performance.now() - startedAt).toBeLessThan(LIMITS.stopMaxMs);
  expect(agent.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  expect(site.postfix.sink.messages).toEqual([]);

  site.wiretap.release();
  agent = await site.startAgent({ directory: agent.directory });
  await agent.settled(1);
  const [message] = await site.postfix.sink.waitFor(1);
  expect(bodyAfterTraceHeaders(message?.raw ?? Buffer.alloc(0), 2).equals(bytes)).toBe(true);
  expect(await takenByPostfix(site.postfix)).toHaveLength(1);
  const { events, recipients } = await detailOf(agent, id);
  expect(recipients).toMatchObject([{ state: 'delivered', tries: 1 }]);
  expect(events.filter(({ type }) => type === 'message.delivered')).toHaveLength(1);
});
