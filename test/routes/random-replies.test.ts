/** Random replies at random steps: nothing counts as delivered that was not taken, and what was taken is never forgotten. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecipientOutcome } from '../../src/core/outcome.ts';
import { createTestCertificates, type TestCertificates } from '../support/certificates.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { type Answer, type ScriptedSession, startScriptedSmtp } from '../support/scripted-smtp.ts';
import { outcomeFor, send } from './bench.ts';
import { scriptedRoute } from './scripted-route.ts';

const HOST = 'mail.contoso.com';
const RECIPIENTS = ['a@contoso.com', 'b@contoso.com', 'c@contoso.com'];
const ROUNDS = 120;
/** Ends a reply that the server never finishes. */
const UNFINISHED = ['250', '250-half\r\n', 'no reply at all\r\n'];
const ANSWERS: readonly Answer[] = [
  ...[
    '250 ok',
    '250-a\r\n250 b',
    '250',
    '250\tok',
    '2500 ok',
    '250 ok\r\n421 bye',
    '250 ok\r\n250 done',
    '354 go\r\n250 done',
    '354 go',
    '199 x',
    '700 x',
  ],
  ...['421 bye', '450 4.9.9 later', '550 5.1.1 no', '550', '550-x\r\n550 5.7.501 banned'],
  ...([{ deed: 'cut' }, { deed: 'reset' }, { deed: 'byte-by-byte', text: '250 slow' }] as const),
  ...UNFINISHED.map((text) => ({ deed: 'raw', text }) as const),
];

let certificates: TestCertificates;
beforeAll(async () => {
  certificates = await createTestCertificates({ names: [HOST] });
});
afterAll(() => certificates.remove());

/** Whether it says yes in a form that SMTP knows. */
function isYes(answer: Answer | undefined): boolean {
  if (answer === undefined) return true;
  if (typeof answer === 'string') return /^2\d\d(?!\d)/.test(answer);
  return answer.deed === 'byte-by-byte';
}

/** Steps with their answers; undefined is the one of a server in order. */
type Said = Map<string, Answer | undefined>;

function isTaken(said: Said, address: string): boolean {
  return ['.', `RCPT TO:<${address}>`].every((step) => said.has(step) && isYes(said.get(step)));
}

function expectHonest(
  outcome: RecipientOutcome | undefined,
  { said, address, story }: { said: Said; address: string; story: string },
): void {
  const isKnown = outcome?.kind === 'delivered' || (outcome?.kind === 'retry' && outcome.uncertain);
  if (outcome?.kind === 'delivered' || isTaken(said, address))
    expect([isTaken(said, address), isKnown], story).toEqual([true, true]);
  if (outcome?.kind === 'rejected') expect([...said.values()].some(isRefusal), story).toBe(true);
}

test(`${ROUNDS} messages meet what no server should say`, async () => {
  const seed = seedFromEnvironment();
  console.log(`seed ${seed} (SEED=${seed} repeats it)`);
  const random = createRandom(seed);
  const tls = await certificates.server('valid');
  let taken = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const said: Said = new Map();
    const rareness = 0.1 + random() * 0.3;
    const script = (step: string, session: ScriptedSession) => {
      if (!/^(?:MAIL|RCPT|DATA|\.)/.test(step)) return undefined;
      const answer = random() < rareness ? ANSWERS[Math.floor(random() * ANSWERS.length)] : undefined;
      said.set(step, answer);
      if (typeof answer === 'object' && answer.deed === 'raw') setImmediate(() => session.end());
      return answer;
    };
    const offers = random() < 0.5 ? ['PIPELINING', '8BITMIME'] : [];
    const server = await startScriptedSmtp({ tls, offers, script });
    const { route } = scriptedRoute(HOST, server.port, { ca: { path: 'ca.pem', text: certificates.ca } });
    const report = await send(route, { recipients: RECIPIENTS });
    const story = `seed ${seed}, round ${round}: ${JSON.stringify([[...said], report])}`;
    for (const address of RECIPIENTS) {
      expectHonest(outcomeFor(report, address), { said, address, story });
      if (isTaken(said, address)) taken++;
      else if (outcomeFor(report, address) === undefined) expect(report.fault, story).not.toBeNull();
    }
    await route.stop();
    await server.stop();
  }
  expect(taken).toBeGreaterThan(ROUNDS / 4);
});

function isRefusal(answer: Answer | undefined): boolean {
  return typeof answer === 'string' && answer.startsWith('5');
}
