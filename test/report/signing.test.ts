/** The signature of a command. */
import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { generateKey, publicKeyTrouble, readPrivateKey, signCommand } from '../../src/report/signing.ts';

const pair = generateKey();
const command = {
  ...{ site: 'berlin-hq', verb: 'flush', args: { route: 'mailbox' }, privatePem: pair.privatePem },
  ...{ keyId: 'it', now: Date.UTC(2026, 10, 24, 8), lifeMs: 300_000 },
};

describe('signCommand', () => {
  test('makes a compact JWS that the public key verifies by RFC 8037', async () => {
    const { token, nonce } = await signCommand(command);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const publicKey = createPublicKey(pair.publicPem);
    expect(
      verify(null, Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url')),
    ).toBe(true);
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      ...{ alg: 'EdDSA', typ: 'scanferry-command+jws', kid: 'it' },
    });
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toEqual({
      ...{ site: 'berlin-hq', verb: 'flush', args: { route: 'mailbox' }, nonce },
      ...{ iat: 1_795_507_200, exp: 1_795_507_500 },
    });
  });

  test('takes a new nonce each time', async () => {
    const nonces = await Promise.all([signCommand(command), signCommand(command)]);
    expect(new Set(nonces.map(({ nonce }) => nonce)).size).toBe(2);
  });

  test('refuses a key that is not a private Ed25519 key', () => {
    expect(() => readPrivateKey(pair.publicPem)).toThrow(/no Ed25519 private key/);
    expect(() => readPrivateKey('nonsense')).toThrow(/no Ed25519 private key/);
  });
});

describe('publicKeyTrouble', () => {
  test('is silent about the public key of a pair', () => {
    expect(publicKeyTrouble(pair.publicPem)).toBeNull();
  });
  test('says when a private key is given', () => {
    expect(publicKeyTrouble(pair.privatePem)).toMatch(/private key, which must stay/);
  });
  test('says when it is no key', () => {
    expect(publicKeyTrouble('hello')).toMatch(/no public key/);
  });
});
