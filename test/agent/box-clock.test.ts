/** A box without a battery for its clock: what it wrote last says that the time it starts with has long passed. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY_MS, MINUTE_MS } from '../../src/core/durations.ts';
import type { EventType } from '../../src/core/events.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const YAML = `site: { id: battery }
intake: { listeners: [{ address: 127.0.0.1, port: 0, tls: none }], unknownDevices: hold }
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
`;
const STOPPED_AT = Date.UTC(2026, 10, 24, 8, 0, 0);

let site: TestAgent;
let clock: FakeClock;
beforeEach(async () => {
  clock = createFakeClock(STOPPED_AT);
  site = await startTestAgent({ yaml: YAML, clock });
});
afterEach(() => site.stop());

/** The same box again, at the time its clock has after a power cut. */
async function startAt(now: number): Promise<void> {
  await site.stop({ keep: true });
  clock = createFakeClock(now);
  site = await startTestAgent({ yaml: YAML, clock, directory: site.directory });
}

const pauseCode = () => site.agent.rooms.dispatch.routes()[0]?.pause?.code ?? null;

/** Lets the dispatcher look again; resolves when the event that it writes of that is there. */
async function told(type: EventType): Promise<void> {
  await clock.advance(2 * LIMITS.clockPollMs);
  await site.when(
    async () => (await site.agent.rooms.spool.events(0, 100)).find((each) => each.type === type) ?? null,
    type,
  );
}

test('nothing is sent until a time server has set it', async () => {
  await startAt(STOPPED_AT - 30 * DAY_MS);
  await told('clock.unset');
  expect(pauseCode()).toBe('clock.unset');
  clock.setWallClock(STOPPED_AT + DAY_MS);
  await told('clock.set');
  expect(pauseCode()).toBeNull();
});

test('where no time server answers it is believed in the end: a clock that once ran ahead holds no mail for ever', async () => {
  await startAt(STOPPED_AT - 30 * DAY_MS);
  await told('clock.unset');
  await clock.advance(LIMITS.clockDoubtMaxMs - 3 * LIMITS.clockPollMs);
  expect(pauseCode()).toBe('clock.unset');
  await told('clock.set');
  expect(pauseCode()).toBeNull();
});

test.each([
  ['a time server corrected a little', STOPPED_AT - LIMITS.clockJumpMinMs + 1],
  ['went on', STOPPED_AT + MINUTE_MS],
])('one that %s is believed at once', async (_name, now) => {
  await startAt(now);
  await clock.advance(LIMITS.clockPollMs);
  expect(pauseCode()).toBeNull();
  const events = await site.agent.rooms.spool.events(0, 100);
  expect(events.map(({ type }) => type)).not.toContain('clock.unset');
});
