/** The dashboard in a real browser (Debian's Chromium), over a real Mosquitto, with the command desk of a real site. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { VERBS } from '../../src/agent/remote-verbs.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { createFleetBroker } from '../../src/fleet/broker.ts';
import { createCommander } from '../../src/fleet/commander.ts';
import { createFleet, type Fleet } from '../../src/fleet/fleet.ts';
import { createHistory } from '../../src/fleet/history.ts';
import { makeKey, readKey } from '../../src/fleet/keys.ts';
import { overview } from '../../src/fleet/web/overview.ts';
import { createFleetWeb } from '../../src/fleet/web/web.ts';
import { hashPassword } from '../../src/pages/password.ts';
import { siteTopics } from '../../src/report/topics.ts';
import { PAUSED, startTestSite, type TestSite } from '../report/support/site.ts';
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { type SimulatedSite, simulatedSite } from './support/simulated-site.ts';

const PASSWORD = 'correct horse';
const HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)>';
const verbs = Object.fromEntries(Object.entries(VERBS).map(([verb, { help }]) => [verb, help])) as never;

let browser: Browser;
let mosquitto: Mosquitto;
let folder: string;
let address: string;
let fleet: Fleet;
let berlin: TestSite;
let hostile: SimulatedSite;
let stops: (() => unknown)[] = [];
let page: Page;
/** What the browser asked for elsewhere, dialogs it opened, and errors of scripts and of the security policy. */
let complaints: string[];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'scanferry-fleet-web-'));
  mosquitto = await startMosquitto();
  const key = makeKey(path.join(folder, 'office'));
  const publicKey = { path: key.publicFile, text: await readFile(key.publicFile, 'utf8') };
  const settings = { commandKeys: [{ id: 'office', publicKey, verbs: ['flush'] }] };
  berlin = await startTestSite({ url: mosquitto.url, id: 'berlin-hq', settings });
  hostile = simulatedSite(mosquitto.url, 'evil', HOSTILE);
  await hostile.connect();
  await hostile.device('scanner"><img src=x onerror=alert(3)>');

  const [clock, log] = [createSystemClock(0), createQuietLog()];
  const broker = createFleetBroker({
    ...{ clock, log, random: () => 0 },
    settings: { url: mosquitto.url, version: '5', clientId: 'fleet' },
  });
  const history = createHistory({
    ...{ clock, log },
    settings: { file: path.join(folder, 'fleet.sqlite'), nativeBinding: null, maxBytes: 1e8 },
  });
  fleet = createFleet({ clock, broker, history, group: null });
  const commander = createCommander({ clock, broker, key: readKey(key.privateFile), commandsMax: 10 });
  const web = createFleetWeb({
    ...{ clock, log, fleet, history, broker, listen: { address: '127.0.0.1', port: 0 }, tls: null },
    ...{ commands: { commander, keyId: 'office', verbs }, passwordHash: await hashPassword(PASSWORD) },
  });
  history.start();
  address = `http://127.0.0.1:${await web.start()}`;
  broker.start();
  fleet.start();
  await fleet.settled();
  await hostile.event(1, { type: 'agent.started', data: { version: HOSTILE } });
  stops = [() => web.stop(), () => fleet.stop(), () => broker.stop(), () => history.stop()];
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser?.close();
  for (const stop of stops) await stop();
  await berlin.stop();
  await hostile.cut();
  await mosquitto.stop();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  complaints = [];
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on('request', (request) => {
    if (!request.url().startsWith(address)) complaints.push(`elsewhere: ${request.url()}`);
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text());
  });
});
afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
});

async function signIn(where = '/', password = PASSWORD): Promise<void> {
  await page.goto(`${address}${where}`);
  await page.fill('#password', password);
  await page.click('text=Sign in >> nth=-1');
}

test('shows nothing before the password, and then every site, the hostile one as text', async () => {
  await signIn('/', 'guess');
  await page.waitForSelector('[role=alert]');
  expect(await page.textContent('main')).not.toContain('berlin');
  await page.fill('#password', PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#site-evil');
  expect(await page.textContent('#site-evil th')).toContain(HOSTILE);
  expect(await page.locator('#site-evil img, #site-evil script').count()).toBe(0);
  await page.goto(`${address}/site/evil`);
  expect(await page.textContent('h1')).toBe(HOSTILE);
  expect(await page.textContent('main')).toContain('scanner"><img');
  await page.waitForSelector('#events tbody tr');
  expect(await page.textContent('#events')).toContain(HOSTILE);
  expect(await page.locator('main img, main script').count()).toBe(0);
});

test('answers with a policy that lets no foreign script, frame or form in', async () => {
  const headers = (await fetch(address)).headers;
  const policy = headers.get('content-security-policy') ?? '';
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "frame-ancestors 'none'",
    "form-action 'self'",
  ]) {
    expect(policy).toContain(part);
  }
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect((await fetch(address, { headers: { host: 'evil.example' } })).status).not.toBe(200);
});

test('changes by itself when a site does, and keeps what a person types', async () => {
  berlin.health.say([]);
  await signIn();
  await page.waitForSelector('#site-berlin-hq .ok');
  await page.keyboard.press('/');
  await page.keyboard.type('berl');
  await page.waitForURL(/search=berl/);
  await page.waitForSelector('#site-evil', { state: 'detached' });
  berlin.health.say([PAUSED]);
  await page.waitForSelector('#site-berlin-hq .fail');
  expect(await page.textContent('#site-berlin-hq')).toContain('Microsoft 365 refused the sign-in.');
  expect(await page.inputValue('input[type=search]')).toBe('berl');
  expect(await page.evaluate<string>('document.activeElement.name')).toBe('search');
});

test('sends a command after it was confirmed, signed, and shows the answer of the site', async () => {
  await signIn('/site/berlin-hq');
  await page.selectOption('select[name=verb]', 'flush');
  await page.click('text=Continue');
  expect(await page.textContent('h1')).toBe('Send flush to Berlin HQ?');
  expect(berlin.asked).toEqual([]);
  await page.click('text=Sign and send');
  await page.waitForSelector('[data-state=succeeded]');
  expect(berlin.asked).toMatchObject([{ verb: 'flush', args: {} }]);

  await page.selectOption('select[name=verb]', 'restart');
  await page.click('text=Continue');
  await page.click('text=Sign and send');
  await page.waitForSelector('[data-state=rejected]');
  expect(berlin.asked).toHaveLength(1);
});

test('a form that another page sends is refused', async () => {
  const body = new URLSearchParams({ verb: 'flush', args: '', token: 'guess' });
  const answer = await fetch(`${address}/site/berlin-hq/send`, { method: 'POST', body });
  expect(answer.status).toBe(403);
});

test('fits a phone and works with the keyboard alone', async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  await signIn();
  await page.waitForSelector('.tiles');
  for (const where of ['/', '/site/evil', '/site/berlin-hq']) {
    await page.goto(`${address}${where}`);
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect(overflow, where).toBeLessThanOrEqual(0);
  }
  await page.goto(address);
  await page.keyboard.press('Tab');
  expect(await page.evaluate<string>('document.activeElement.className')).toBe('skip');
  await page.keyboard.press('Enter');
  expect(await page.evaluate<string>('document.activeElement.id')).toBe('main');
});

test('shows ten thousand sites fifty at a time', () => {
  const rows = Array.from({ length: 10_000 }, (_, index) => ({
    ...{ site: `site-${index}`, name: `Office ${index}`, level: 'ok' as const, reach: 'online' as const },
    ...{ queue: 0, oldestS: 0, lastSeenAt: 1, version: '1', problem: null },
  }));
  const show = (page: number) =>
    overview({ rows, now: 2, query: { search: '', level: null, page }, queueCurve: () => [] }).html;
  expect(show(1).match(/<tr id=/g)).toHaveLength(50);
  expect(show(1).length).toBeLessThan(60_000);
  expect(show(200)).toContain('Page 200 of 200');
  expect(show(200)).toContain('id="site-site-9999"');
});

test('says when the broker is gone, and that what is shown may be old', async () => {
  await signIn();
  await page.waitForSelector('.tiles');
  await hostile.publish(siteTopics('evil').telemetry, '{}', false);
  await mosquitto.kill();
  await page.waitForSelector('text=No connection to the broker');
  await mosquitto.restart();
});
