/** Checks the signed assertion with which an app signs in by certificate (RFC 7523, as Microsoft wants it). */
import { constants, createPublicKey, verify, X509Certificate } from 'node:crypto';
import * as z from 'zod';

const header = z.object({ alg: z.enum(['RS256', 'PS256']) });
const claims = z.object({
  aud: z.string(),
  iss: z.string(),
  sub: z.string(),
  exp: z.number(),
  nbf: z.number().optional(),
});

export type AssertionFault = 'malformed' | 'signature' | 'time' | 'audience';

/**
 * Whether `assertion` is signed by one of `certificates` for this client, this endpoint and this time.
 * @returns what is wrong, or null when it is good.
 */
export function checkAssertion(
  assertion: string,
  expected: { clientId: string; audience: string; certificates: string[]; now: number },
): AssertionFault | null {
  const parts = assertion.split('.');
  const [head = '', body = '', signature = ''] = parts;
  const parsedHead = header.safeParse(parseJson(head));
  const parsedBody = claims.safeParse(parseJson(body));
  if (parts.length !== 3 || !parsedHead.success || !parsedBody.success) return 'malformed';
  const { aud, iss, sub, exp, nbf } = parsedBody.data;
  const isSigned = expected.certificates.some((pem) =>
    isSignedBy(pem, parsedHead.data.alg, `${head}.${body}`, signature),
  );
  if (!isSigned || iss !== expected.clientId || sub !== expected.clientId) return 'signature';
  if (aud !== expected.audience) return 'audience';
  const nowS = expected.now / 1000;
  return exp <= nowS || (nbf ?? 0) > nowS + CLOCK_SKEW_S ? 'time' : null;
}

/** Microsoft allows five minutes. */
const CLOCK_SKEW_S = 300;

function isSignedBy(pem: string, algorithm: 'RS256' | 'PS256', text: string, signature: string): boolean {
  const key = createPublicKey(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' }));
  if (key.asymmetricKeyType !== 'rsa') return false;
  const padding = algorithm === 'PS256' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  return verify('sha256', Buffer.from(text), { key, padding }, Buffer.from(signature, 'base64url'));
}

/** Undefined for what isn't JSON: the schema refuses it. */
function parseJson(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
