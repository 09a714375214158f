/** A broken tenant as a new administrator meets it: a test scan that waits, the doctor, each cure it names, and all is well. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChildSite, startChildSite } from '../support/child-site.ts';

let site: ChildSite;

beforeAll(async () => {
  site = await startChildSite();
});
afterAll(() => site.stop());

/** Words without line breaks of the terminal. */
const flat = (text: string) => text.replace(/\s+/g, ' ');
const doctor = (...only: string[]) => site.scanferry('doctor', '--only', ...only);

test('is named line by line, mended by what the lines say, and then the scans go', async () => {
  const { tenant, dns } = site.sandbox;
  const records = dns.zone.get('contoso.com') ?? {};
  tenant.rejectDirectSend = true;
  // No route goes there, and the simulated one is on another port than 587.
  dns.zone.delete('smtp.office365.com');
  dns.zone.set('contoso.com', { ...records, TXT: ['v=spf1 mx -all'] });

  const first = await site.scanferry('send-test', 'anna@contoso.com', '--wait', '2');
  expect(first.code).toBe(1);
  expect(flat(first.stdout)).toContain('the route direct is paused: The tenant rejects Direct Send');

  const broken = await doctor('spool', 'network', 'routes');
  expect(broken.code).toBe(1);
  const said = flat(broken.stdout);
  expect(said).toContain('FAIL direct: mail to postmaster@contoso.com: 550 5.7.68');
  expect(said).toContain('run Set-OrganizationConfig -RejectDirectSend $false and wait half an hour.');
  expect(said).toContain('TXT record at contoso.com to: v=spf1 mx include:spf.protection.outlook.com -all');
  expect(said).toContain('FAIL direct: sending: paused for');
  expect(broken.stdout.trimEnd()).toMatch(/\n2 failed, 1 warning, \d+ ok\. Begin with the first that failed/);

  // What the lines ask for.
  tenant.rejectDirectSend = false;
  dns.zone.set('contoso.com', { ...records, TXT: ['v=spf1 mx include:spf.protection.outlook.com -all'] });
  const mended = await doctor('routes');
  expect(mended.code).toBe(1);
  expect(flat(mended.stdout)).toContain('The lines above are good, so either that is mended');
  expect((await site.scanferry('routes', 'resume', 'direct')).code).toBe(0);

  const second = await site.scanferry('send-test', 'anna@contoso.com');
  expect(second.code).toBe(0);
  expect(second.stdout).toContain('250 2.6.0 Queued mail for delivery');
  // The scan that waited, and the new one.
  await site.sandbox.waitForMessages(2);
  const well = await doctor('config', 'listeners', 'spool', 'network', 'routes');
  expect(well.stdout).toMatch(/\nAll is well: \d+ lines, each ok\.\n$/);
  expect(well.code).toBe(0);
});

test('is diagnosed by its config alone after the agent has stopped, and says that none runs', async () => {
  await site.agent.stop();
  const { code, value } = await site.json('doctor', '--only', 'listeners', 'spool', 'routes');
  expect(code).toBe(1);
  expect(value).toMatchObject({ grade: 'warn' });
  const { lines } = value as { lines: { name: string; grade: string; text: string }[] };
  expect(lines.filter(({ grade }) => grade !== 'ok').map(({ name }) => name)).toEqual(['agent']);
  expect(lines.map(({ text }) => text)).toContain(
    'not tried; what shows only at the end of a message, `scanferry send-test` shows',
  );
});
