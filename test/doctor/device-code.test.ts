/** A route that a person signs in by a code: before that, after it, and when it has run out; the doctor itself shows no code. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import {
  pauseOf,
  routeLines,
  scanFrom,
  siteLines,
  startTenantSite,
  type TenantSite,
} from '../flows/support/upstream.ts';
import type { TestAgent } from '../support/agent.ts';
import { poll } from '../support/poll.ts';
import { createBench, verdictsIn } from './bench.ts';

let site: TenantSite;
let agent: TestAgent;

const routes = () => `routes:\n${routeLines(site.addresses, { auth: 'deviceCode: true' }).oauth}`;

beforeAll(async () => {
  site = await startTenantSite();
  site.sandbox.tenant.deviceCodeIntervalS = 0.01;
  agent = await site.startAgent({ routes: routes() });
});
afterAll(async () => {
  await agent.stop();
  await site.stop();
});

const control = () => createControlClient(path.join(agent.directory, 'data'));
const look = async () => (await control().call('doctor', { only: ['routes'] })).lines;
const codesShown = () =>
  agent.log.lines
    .filter(({ event }) => event === 'route.device-code')
    .map(({ fields }) => String(fields?.['code']));

test('is told before, between and after the sign-in, and no code is shown but those of the agent', async () => {
  const untried = await look();
  expect(verdictsIn(untried)).toEqual([['fail', 'mailbox: token', 'route.sign-in.needed']]);
  expect(codesShown()).toEqual([]);

  await scanFrom(agent);
  await pauseOf(agent, 'mailbox');
  const waiting = await look();
  expect(verdictsIn(waiting)).toEqual([
    ['fail', 'mailbox: token', 'route.sign-in.needed'],
    ['fail', 'mailbox: sending', 'route.sign-in.waiting'],
  ]);
  const [code = ''] = codesShown();
  expect(codesShown()).toEqual([code]);
  expect(waiting.at(-1)?.why?.advice).toContain(`enter ${code}.`);

  site.sandbox.tenant.approveDeviceCode(code, DEFAULT_MAILBOX);
  const { spool } = agent.agent.rooms;
  const isSignedIn = async () => (await spool.getFacts('routes')).has('token:mailbox') || null;
  await poll(isSignedIn, 'the person is signed in');
  await control().call('routes.resume', { id: 'mailbox', by: 'the test' });
  await agent.settled(1);
  const signedIn = await look();
  expect(verdictsIn(signedIn)).toEqual([]);
  expect(signedIn.map(({ name, text }) => `${name}: ${text}`)).toContain(
    `mailbox: sign-in: as ${DEFAULT_MAILBOX} by XOAUTH2`,
  );

  site.sandbox.tenant.revokeTokens();
  expect(verdictsIn(await look())).toEqual([['fail', 'mailbox: token', 'route.sign-in.needed']]);
  expect(codesShown()).toEqual([code]);
});

test('can not be tried without the agent, which says so and asks nobody', async () => {
  const bench = createBench({ 'ca.pem': site.addresses.caPem });
  const lines = await bench.diagnose(siteLines(site.addresses.dns) + routes(), ['routes']);
  bench.remove();
  expect(verdictsIn(lines)).toEqual([['warn', 'mailbox: sign-in', 'doctor.token-missing']]);
});
