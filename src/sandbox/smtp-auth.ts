/** The AUTH dialogue of the simulated submission host: LOGIN and XOAUTH2, the two it offers. */
import { REPLIES } from './replies.ts';
import type { Credentials } from './session.ts';

/** Asks the peer with a 334 and resolves with its line, or null when it is gone. */
export type Ask = (prompt: string) => Promise<string | null>;

export type AuthResult =
  | { kind: 'credentials'; credentials: Credentials }
  | { kind: 'reply'; text: string }
  | { kind: 'gone' };

const BAD_BASE64 = '501 5.5.2 Cannot decode the response';
const UNKNOWN_MECHANISM = '504 5.7.4 Unrecognized authentication type';
const CANCELLED = '501 5.7.0 Authentication cancelled';

/** Reads credentials for `AUTH <argument>`. */
export async function readCredentials(argument: string, offered: string[], ask: Ask): Promise<AuthResult> {
  const [mechanism = '', initial] = argument.split(/\s+/);
  if (!offered.includes(mechanism.toUpperCase())) return { kind: 'reply', text: UNKNOWN_MECHANISM };
  return mechanism.toUpperCase() === 'LOGIN' ? readLogin(initial, ask) : readXoauth2(initial, ask);
}

async function readLogin(initial: string | undefined, ask: Ask): Promise<AuthResult> {
  const user = decode(initial ?? (await ask(encode('Username:'))));
  if (typeof user !== 'string') return user;
  const password = decode(await ask(encode('Password:')));
  if (typeof password !== 'string') return password;
  return { kind: 'credentials', credentials: { mechanism: 'LOGIN', user, password } };
}

/** `user=` mailbox ^A `auth=Bearer ` token ^A ^A (docs/sources.md, sign-in). */
async function readXoauth2(initial: string | undefined, ask: Ask): Promise<AuthResult> {
  const response = decode(initial ?? (await ask('')));
  if (typeof response !== 'string') {
    return response.kind === 'gone' ? response : { kind: 'reply', text: REPLIES['501-5.5.124'].text };
  }
  const [first, second, ...rest] = response.split('\u0001');
  const user = /^user=(.+)$/i.exec(first ?? '')?.[1];
  const token = /^auth=Bearer (.+)$/i.exec(second ?? '')?.[1];
  if (user === undefined || token === undefined || rest.join('') !== '' || rest.length !== 2) {
    return { kind: 'reply', text: REPLIES['501-5.5.124'].text };
  }
  return { kind: 'credentials', credentials: { mechanism: 'XOAUTH2', user, token } };
}

function decode(line: string | null): string | Exclude<AuthResult, { kind: 'credentials' }> {
  if (line === null) return { kind: 'gone' };
  if (line === '*') return { kind: 'reply', text: CANCELLED };
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(line) || line.length % 4 !== 0)
    return { kind: 'reply', text: BAD_BASE64 };
  return Buffer.from(line, 'base64').toString('utf8');
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
