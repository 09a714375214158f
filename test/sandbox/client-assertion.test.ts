/** The check of a client assertion, with signatures made here. */
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { issueCertificate } from '../../src/sandbox/certificates.ts';
import { checkAssertion } from '../../src/sandbox/client-assertion.ts';

const AUDIENCE = 'https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token';
const NOW = Date.UTC(2026, 10, 24);
let registered: { key: string; cert: string };
beforeAll(async () => {
  registered = await issueCertificate({ names: ['app'], rsa: true, selfSigned: true });
});

function assertion(claims: object, alg: string, key = registered.key): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const base = { aud: AUDIENCE, iss: 'app', sub: 'app', exp: NOW / 1000 + 600, nbf: NOW / 1000 };
  const text = `${part({ alg, typ: 'JWT' })}.${part({ ...base, ...claims })}`;
  const padding = alg === 'PS256' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  return `${text}.${sign('sha256', Buffer.from(text), { key, padding }).toString('base64url')}`;
}

function check(text: string) {
  return checkAssertion(text, {
    clientId: 'app',
    audience: AUDIENCE,
    certificates: [registered.cert],
    now: NOW,
  });
}

test.each(['RS256', 'PS256'])('takes a good assertion signed with %s', (alg) => {
  expect(check(assertion({}, alg))).toBeNull();
});

test('tells what is wrong with a bad one', () => {
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const pem = stranger.export({ type: 'pkcs8', format: 'pem' }).toString();
  expect(check(assertion({}, 'RS256', pem))).toBe('signature');
  expect(check(assertion({ sub: 'other' }, 'RS256'))).toBe('signature');
  expect(check(assertion({ aud: 'https://fabrikam.com' }, 'RS256'))).toBe('audience');
  expect(check(assertion({ exp: NOW / 1000 }, 'RS256'))).toBe('time');
  expect(check(assertion({ nbf: NOW / 1000 + 301 }, 'RS256'))).toBe('time');
  expect(check(assertion({}, 'none'))).toBe('malformed');
  expect(check('a.b')).toBe('malformed');
});
