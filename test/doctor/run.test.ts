/** The checks as a whole: told in order as soon as known, a slow or broken one is a line of its own, an end ends all. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { OperatorError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { ok } from '../../src/doctor/findings.ts';
import { runChecks } from '../../src/doctor/run.ts';
import type { Check, DoctorDeps, DoctorLine, Finding } from '../../src/doctor/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';

const notHere = (): never => {
  throw new Error('not part of this test');
};
const depsWith = (clock: Clock): DoctorDeps => ({
  ...{ clock, log: createQuietLog(), config: null, configFindings: [], configFile: null, agent: null },
  ...{ dataDir: '/nowhere', systemRoot: '/nowhere', stoppedSpool: notHere, tryBroker: notHere },
  resolver: { resolveMx: notHere, resolveTxt: notHere, resolve4: notHere, resolve6: notHere },
});
const check = (name: string, run: Check['run']): Check => ({ group: 'box', name, run });
const never = new Promise<never>(() => {});

const ends = new AbortController();
afterEach(() => ends.abort());

describe('lines', () => {
  test('come in the order of the checks, each as soon as those before it are there', async () => {
    const gate = Promise.withResolvers<void>();
    const lines = runChecks(
      [
        check('first', async function* () {
          yield ok('first', 'at once');
          await gate.promise;
          yield ok('first', 'later');
        }),
        check('second', async function* () {
          yield ok('second', 'at once');
          gate.resolve();
        }),
      ],
      depsWith(createFakeClock()),
      new AbortController().signal,
    );
    const told: string[] = [];
    for await (const { name, text } of lines) told.push(`${name} ${text}`);
    expect(told).toEqual(['first at once', 'first later', 'second at once']);
  });

  test('of a check that hangs say so when its time is over, and the others stand', async () => {
    const clock = createFakeClock();
    const waiting = Promise.withResolvers<void>();
    const told = collect(
      [
        check('hangs', async function* (): AsyncGenerator<Finding> {
          yield ok('hangs', 'so far');
          waiting.resolve();
          await never;
        }),
        check('fine', async function* () {
          yield ok('fine', 'well');
        }),
      ],
      clock,
    );
    await waiting.promise;
    await clock.advance(LIMITS.doctorCheckMaxMs);
    expect((await told).map(({ name, why }) => [name, why?.code])).toEqual([
      ['hangs', undefined],
      ['hangs', 'doctor.too-slow'],
      ['fine', undefined],
    ]);
  });

  test('of a check that breaks name what broke it, in its own words where it has some', async () => {
    const why = { code: 'spool.in-use', cause: 'It is open elsewhere.', advice: 'Close it.' };
    const told = await collect(
      [
        check('broken', async function* (): AsyncGenerator<Finding> {
          yield* [];
          throw new TypeError('x is undefined');
        }),
        check('explained', async function* (): AsyncGenerator<Finding> {
          yield* [];
          throw new OperatorError(why);
        }),
      ],
      createFakeClock(),
    );
    expect(told).toMatchObject([
      { name: 'broken', grade: 'fail', why: { code: 'doctor.crashed' } },
      { name: 'explained', grade: 'fail', why },
    ]);
    expect(told[0]?.why?.cause).toContain('x is undefined');
  });
});

test('whoever stops reading ends what is under way', async () => {
  const isEnded = Promise.withResolvers<boolean>();
  const lines = runChecks(
    [
      check('long', async function* ({ signal }) {
        signal.addEventListener('abort', () => isEnded.resolve(true));
        yield ok('long', 'so far');
        await never;
      }),
    ],
    depsWith(createFakeClock()),
    new AbortController().signal,
  );
  await lines.next();
  await lines.return(undefined);
  expect(await isEnded.promise).toBe(true);
});

test('no more checks than allowed are under way at once', async () => {
  let [running, most] = [0, 0];
  const many = Array.from({ length: 3 * LIMITS.doctorChecksAtOnceMax }, (_, index) =>
    check(`check ${index}`, async function* () {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      yield ok(`check ${index}`, 'done');
    }),
  );
  expect(await collect(many, createFakeClock())).toHaveLength(many.length);
  expect(most).toBe(LIMITS.doctorChecksAtOnceMax);
});

async function collect(checks: readonly Check[], clock: Clock): Promise<DoctorLine[]> {
  const lines: DoctorLine[] = [];
  for await (const line of runChecks(checks, depsWith(clock), ends.signal)) lines.push(line);
  return lines;
}
