/** The circuit breaker alone: its states, its pauses, what it announces. */
import { describe, expect, it } from 'vitest';
import type { NewEvent } from '../../src/core/events.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { RouteFault } from '../../src/core/outcome.ts';
import { createBreaker, NO_END } from '../../src/dispatch/breaker.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function setUp() {
  const clock = createFakeClock();
  const events: NewEvent[] = [];
  const announce = (event: NewEvent) => events.push(event);
  const breaker = createBreaker({ routeId: 'mailbox', clock, random: () => 0.5, announce });
  const failOnce = (fault: RouteFault = faultOf('route.unreachable')) =>
    breaker.end(breaker.begin(), { kind: 'fault', fault });
  const pausedForMs = () => (breaker.pause()?.until ?? 0) - clock.now();
  return { clock, events, breaker, failOnce, pausedForMs };
}

function faultOf(code: string, more: Partial<RouteFault> = {}): RouteFault {
  const why = { code, cause: 'Nobody answers.', advice: 'Look at the line.' };
  return { why, reply: null, needsPerson: false, retryAfterMs: null, ...more };
}

describe('breaker', () => {
  it('pauses on a fault and admits nothing until the pause ends', async () => {
    const { clock, breaker, failOnce } = setUp();
    failOnce();
    expect([breaker.state(), breaker.admits()]).toEqual(['paused', false]);
    await clock.advance(30 * SECOND - 1);
    expect(breaker.admits()).toBe(false);
    await clock.advance(1);
    expect([breaker.state(), breaker.admits()]).toEqual(['probing', true]);
  });

  it('admits a single probe', async () => {
    const { clock, breaker, failOnce } = setUp();
    failOnce();
    await clock.advance(30 * SECOND);
    const probe = breaker.begin();
    expect(breaker.admits()).toBe(false);
    breaker.end(probe, { kind: 'unknown' });
    expect(breaker.admits()).toBe(true);
  });

  it('pauses longer after each probe that fails, up to 15 minutes', async () => {
    const { clock, failOnce, pausedForMs } = setUp();
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      failOnce();
      pauses.push(pausedForMs() / SECOND);
      await clock.advance(pausedForMs());
    }
    expect(pauses).toEqual([30, 60, 120, 300, 600, 900, 900, 900]);
  });

  it('begins with a long pause when a person must act', () => {
    const { failOnce, pausedForMs } = setUp();
    failOnce(faultOf('route.signin-refused', { needsPerson: true }));
    expect(pausedForMs()).toBe(5 * MINUTE);
  });

  it('pauses as long as the other side asks, a day at most', () => {
    const long = setUp();
    long.failOnce(faultOf('route.quota', { retryAfterMs: 3 * 60 * MINUTE }));
    expect(long.pausedForMs()).toBe(3 * 60 * MINUTE);
    const tooLong = setUp();
    tooLong.failOnce(faultOf('route.quota', { retryAfterMs: 90 * 24 * 60 * MINUTE }));
    expect(tooLong.pausedForMs()).toBe(LIMITS.routePauseMaxMs);
  });

  it('opens on a good probe and starts over with short pauses', async () => {
    const { clock, breaker, failOnce, pausedForMs } = setUp();
    failOnce();
    await clock.advance(30 * SECOND);
    failOnce();
    await clock.advance(MINUTE);
    breaker.end(breaker.begin(), { kind: 'good' });
    expect(breaker.state()).toBe('open');
    failOnce();
    expect(pausedForMs()).toBe(30 * SECOND);
  });

  it('announces one pause and one resumption, however many attempts fail', async () => {
    const { clock, events, breaker, failOnce } = setUp();
    const beside = breaker.begin();
    failOnce();
    breaker.end(beside, { kind: 'fault', fault: faultOf('route.unreachable') });
    await clock.advance(30 * SECOND);
    failOnce();
    await clock.advance(MINUTE);
    breaker.end(breaker.begin(), { kind: 'good' });
    expect(events.map((event) => event.type)).toEqual(['route.paused', 'route.resumed']);
    expect(events[1]?.data).toEqual({ route: 'mailbox', pausedMs: 90 * SECOND, by: 'probe' });
  });

  it('announces again when a probe finds another cause', async () => {
    const { clock, events, failOnce } = setUp();
    failOnce();
    await clock.advance(30 * SECOND);
    failOnce(faultOf('route.signin-refused'));
    expect(events.map((event) => 'code' in event.data && event.data.code)).toEqual([
      'route.unreachable',
      'route.signin-refused',
    ]);
  });

  it('does not let an attempt from before the pause open or lengthen it', () => {
    const { breaker, failOnce, pausedForMs } = setUp();
    const [good, bad] = [breaker.begin(), breaker.begin()];
    failOnce();
    breaker.end(good, { kind: 'good' });
    breaker.end(bad, { kind: 'fault', fault: faultOf('route.unreachable') });
    expect([breaker.state(), pausedForMs()]).toEqual(['paused', 30 * SECOND]);
  });

  it('keeps the pause of an operator until an operator ends it', async () => {
    const { clock, events, breaker } = setUp();
    breaker.pauseBy('alex');
    breaker.pauseBy('alex');
    await clock.advance(48 * 60 * MINUTE);
    expect([breaker.state(), breaker.probeAt(), breaker.pause()?.until]).toEqual(['paused', null, NO_END]);
    breaker.resumeBy('alex');
    expect(breaker.state()).toBe('open');
    expect(events.map((event) => event.type)).toEqual(['route.paused', 'route.resumed']);
  });

  it('says nothing when an operator resumes an open route', () => {
    const { events, breaker } = setUp();
    breaker.resumeBy('alex');
    expect(events).toEqual([]);
  });

  it('takes over the pause of an earlier run, probes at once and announces only the resumption', () => {
    const before = setUp();
    before.failOnce();
    const { events, breaker } = setUp();
    breaker.restore(before.breaker.saved());
    expect(breaker.state()).toBe('probing');
    breaker.end(breaker.begin(), { kind: 'good' });
    expect(events.map((event) => event.type)).toEqual(['route.resumed']);
  });
});
