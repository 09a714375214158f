/** Signed commands: the pair of keys, and the compact JWS (RFC 7515) under EdDSA (RFC 8037) that a site obeys. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import { OperatorError } from '../core/errors.ts';
import { PROBLEMS } from './command-problems.ts';
import type { CommandClaims } from './payloads.ts';

/** `typ` of the header: a signature made for something else under the same key is no command (RFC 8725 section 3.11). */
export const COMMAND_TYPE = 'scanferry-command+jws';
export const COMMAND_ALGORITHM = 'EdDSA';

/** Ed25519 keys in PEM: the private one as PKCS #8, the public one as SPKI. */
export interface KeyPair {
  privatePem: string;
  publicPem: string;
}

/** Makes a new pair. The private one stays with whoever commands; the site gets the public one. */
export function generateKey(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { privatePem: privateKey, publicPem: publicKey };
}

export interface CommandToSign {
  site: string;
  verb: string;
  args: Record<string, unknown>;
  /** PEM of the private key. */
  privatePem: string;
  /** `id` of the key in the site's `mqtt.commandKeys`. */
  keyId: string;
  /** Epoch milliseconds. */
  now: number;
  /** How long the command may be obeyed, milliseconds. */
  lifeMs: number;
  /** Left out, a random one. */
  nonce?: string;
}

export interface SignedCommand {
  /** The payload for `<root>/cmd/<verb>`. */
  token: string;
  /** The answers come on `<root>/rsp/<nonce>`. */
  nonce: string;
}

/** Signs one command for one site. Throws OperatorError when the key is no Ed25519 private key. */
export async function signCommand(command: CommandToSign): Promise<SignedCommand> {
  const { CompactSign } = await import('jose');
  const issued = Math.floor(command.now / 1000);
  const claims: CommandClaims = {
    site: command.site,
    verb: command.verb,
    args: command.args,
    nonce: command.nonce ?? randomUUID(),
    iat: issued,
    exp: issued + Math.ceil(command.lifeMs / 1000),
  };
  const token = await new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: COMMAND_ALGORITHM, typ: COMMAND_TYPE, kid: command.keyId })
    .sign(readPrivateKey(command.privatePem));
  return { token, nonce: claims.nonce };
}

/** Reads an Ed25519 private key (PEM). Throws OperatorError for anything else. */
export function readPrivateKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw new OperatorError(PROBLEMS.notAPrivateKey(), { cause });
  }
  throw new OperatorError(PROBLEMS.notAPrivateKey());
}

/** What is wrong with `pem` as an Ed25519 public key, as the end of a sentence; null when it is one. */
export function publicKeyTrouble(pem: string): string | null {
  // createPublicKey would take a private key too and derive the public one: it must not lie on the box at all.
  if (pem.includes('PRIVATE KEY')) return 'this is a private key, which must stay with whoever commands';
  try {
    const type = createPublicKey(pem).asymmetricKeyType;
    return type === 'ed25519' ? null : `this is a key of type ${type}`;
  } catch {
    return 'this is no public key in PEM';
  }
}
