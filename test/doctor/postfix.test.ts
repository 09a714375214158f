/** A real Postfix as upstream, broken in every way that the flows know, and named by the doctor. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POSTFIX_FAULTS } from '../flows/support/postfix-faults.ts';
import { LOGIN, type PostfixSite, siteLines, startPostfixSite } from '../flows/support/upstream.ts';
import { POSTFIX_DEFAULTS, type PostfixSettings } from '../support/postfix-config.ts';
import { freePort } from '../support/processes.ts';
import { type Bench, createBench, troublesIn, verdictsIn } from './bench.ts';

let site: PostfixSite;
let bench: Bench;

beforeAll(async () => {
  site = await startPostfixSite();
  bench = createBench({ 'ca.pem': site.postfix.certificates.ca });
});
afterAll(async () => {
  bench.remove();
  await site.stop();
});

const look = (password: string = LOGIN.password, port = site.wiretap.port) =>
  bench.diagnose(
    siteLines(site.names, 'auto') +
      `routes:
  - { id: smarthost, kind: submission, host: ${site.postfix.host}, port: ${port}, ca: ca.pem, mailbox: ${LOGIN.user}, auth: { kind: basic, password: { env: PASSWORD } } }
`,
    ['network', 'routes'],
    { PASSWORD: password },
  );

/** The step of the route that must be named. */
const STEPS: Record<string, string> = {
  'route.tls-too-old': 'TLS',
  'route.certificate-self-signed': 'certificate',
  'route.certificate-expired': 'certificate',
  'route.certificate-not-yet-valid': 'certificate',
  'route.certificate-wrong-name': 'certificate',
  'route.starttls-missing': 'STARTTLS',
  'route.auth-missing': 'AUTH',
  'reply.sign-in-refused': 'sign-in',
};
/** The domain of the test has no SPF record, and a smarthost has nothing to do with that. */
const SPF = ['warn', 'smarthost: SPF of contoso.com', 'doctor.spf-missing'];

test('finds nothing wrong with a Postfix that is right but the SPF record that is not there', async () => {
  const lines = await look();
  expect(verdictsIn(lines)).toEqual([SPF]);
  const shown = Object.fromEntries(lines.map(({ name, text }) => [name, text]));
  expect(shown).toMatchObject({
    'smarthost: STARTTLS': expect.stringMatching(/^TLS 1\.3 with smtp\.contoso\.com:\d+, TLS_/),
    'smarthost: AUTH': expect.stringContaining('LOGIN'),
    'smarthost: sign-in': `as ${LOGIN.user} by LOGIN`,
    [`smarthost: mail to ${LOGIN.user}`]: `would be taken from ${LOGIN.user}`,
  });
  expect(await site.postfix.log()).not.toMatch(/queue active/);
});

/** Postfix takes a second or two for each change; what differs only in a version or a date is left to the flows. */
const FAULTS = POSTFIX_FAULTS.filter(
  ({ name }) => !['TLS 1.0 only', 'a certificate that is not valid yet'].includes(name),
);

/** Postfix as it was last told to be. */
let settings: Partial<PostfixSettings> = {};

async function switchTo(wanted: Partial<PostfixSettings>): Promise<void> {
  if (!isDeepStrictEqual(wanted, settings))
    await site.postfix.reconfigure({ ...POSTFIX_DEFAULTS, ...wanted });
  settings = wanted;
}

test.each(FAULTS)('names $name', async ({ postfix, stripStarttls, password, code, cause, clear }) => {
  await switchTo(postfix ?? {});
  site.wiretap.stripStarttls = stripStarttls ?? false;
  const linesBefore = site.wiretap.clearLines().length;
  const lines = await look(password);
  site.wiretap.stripStarttls = false;

  expect(verdictsIn(lines)).toEqual([['fail', `smarthost: ${STEPS[code]}`, code], SPF]);
  const [line] = troublesIn(lines);
  expect(line?.why?.cause).toMatch(cause);
  if (code.startsWith('route.certificate'))
    expect(line?.detail[0]).toMatch(/^certificate .*, valid \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, issuer /);
  // Whatever a doctor is curious about: no password and no envelope crosses in clear.
  const said = site.wiretap.clearLines().slice(linesBefore);
  expect(said.filter((text) => !clear.includes(text) && text !== 'QUIT')).toEqual([]);
});

test('names a port that nobody listens on, for the network and for the route', async () => {
  const lines = await look(LOGIN.password, await freePort('127.0.0.1'));
  expect(verdictsIn(lines)).toEqual([
    ['fail', expect.stringMatching(/^smtp\.contoso\.com: port \d+$/), 'route.refused'],
    ['fail', 'smarthost: connection', 'route.refused'],
    SPF,
  ]);
});
