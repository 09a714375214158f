/** The operator's test scan through the control socket: each step as it happens, replies verbatim. */
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import type { SendTestRequest, SendTestStep } from '../../src/control/protocol.ts';
import type { TestAgent } from '../support/agent.ts';
import { LOGIN, type PostfixSite, pauseOf, startPostfixSite } from './support/upstream.ts';

const GONE = 'gone@contoso.com';

let site: PostfixSite;
let agent: TestAgent;

beforeAll(async () => {
  site = await startPostfixSite({ recipientReplies: { [GONE]: '550 5.1.1 No such mailbox' } });
});
afterAll(() => site.stop());
beforeEach(async () => {
  site.postfix.sink.clear();
  agent = await site.startAgent();
});
afterEach(async () => {
  await agent.stop();
  await site.wiretap.setListening(true);
});

const control = () => createControlClient(path.join(agent.directory, 'data'));

async function stepsOf(request: Partial<SendTestRequest>): Promise<SendTestStep[]> {
  const steps: SendTestStep[] = [];
  for await (const step of control().sendTest({ to: ['desk@contoso.com'], waitMs: 30_000, ...request }))
    steps.push(step);
  expect(steps.map(({ atMs }) => atMs)).toEqual(
    steps.map(({ atMs }) => atMs).sort((one, other) => one - other),
  );
  return steps;
}

test('tells connected, accepted, sending and delivered in order, with the reply of each side as it came', async () => {
  const steps = await stepsOf({});
  expect(steps).toMatchObject([
    { step: 'connected', text: expect.stringMatching(/^the box answered \(TLS 1\.[23], /), reply: null },
    {
      step: 'accepted',
      text: expect.stringMatching(/^safe in the spool as [0-9a-z]+$/),
      reply: expect.stringMatching(/^250 2\.6\.0 Message accepted as [0-9a-z]+$/),
    },
    {
      step: 'sending',
      text: `desk@contoso.com by smarthost to smtp.contoso.com:${site.wiretap.port}`,
      reply: null,
    },
    {
      step: 'delivered',
      text: expect.stringMatching(
        /^desk@contoso\.com by smarthost to smtp\.contoso\.com over TLS 1\.[23], TLS_\w+$/,
      ),
      reply: expect.stringMatching(/^250 2\.0\.0 Ok: queued as \w+$/),
    },
    { step: 'delivered', text: 'the test scan arrived', succeeded: true },
  ]);
  expect(steps.filter(({ succeeded }) => succeeded !== undefined)).toHaveLength(1);
  const [message] = await site.postfix.sink.waitFor(1);
  expect(message).toMatchObject({ sender: LOGIN.user, recipients: ['desk@contoso.com'] });
  expect(message?.raw.toString('latin1')).toContain('Scanferry test scan');
  // The queue id of the last reply is the one Postfix logged.
  const queueId = / as (\w+)$/.exec(steps[3]?.reply ?? '')?.[1];
  expect(await site.postfix.log()).toContain(`: ${queueId}: client=`);
});

test('ends as failed where a recipient is refused, and says which and in whose words', async () => {
  const steps = await stepsOf({ to: ['desk@contoso.com', GONE] });
  expect(steps.slice(0, 3).map(({ step }) => step)).toEqual(['connected', 'accepted', 'sending']);
  expect(steps[2]?.text).toMatch(new RegExp(`^desk@contoso\\.com, ${GONE} by smarthost to `));
  expect(steps.find(({ step, reply }) => step === 'failed' && reply !== null)).toMatchObject({
    text: expect.stringContaining(GONE),
    reply: expect.stringMatching(/^550 5\.1\.1 .*No such mailbox$/),
  });
  expect(steps.at(-1)).toMatchObject({ step: 'failed', text: '1 of 2 recipients have it', succeeded: false });
  await site.postfix.sink.waitFor(1);
});

test('ends as timed out while the upstream is down, says why, and the scan goes later by itself', async () => {
  await site.wiretap.setListening(false);
  const steps = await stepsOf({ waitMs: 1000 });
  const { cause, advice } = await pauseOf(agent, 'smarthost');
  expect(cause).toMatch(/^The server refused the connection /);
  expect(steps).toMatchObject([
    { step: 'connected' },
    { step: 'accepted' },
    { step: 'sending', text: expect.stringContaining('desk@contoso.com by smarthost to smtp.contoso.com:') },
    { step: 'waiting', text: `the route smarthost is paused: ${cause} ${advice}` },
    { step: 'timed-out', succeeded: false },
  ]);

  await site.wiretap.setListening(true);
  await control().call('routes.resume', { id: 'smarthost', by: 'the test' });
  await agent.settled(1);
  await site.postfix.sink.waitFor(1);
});
