/** Whether a command may be obeyed: who signed it, for whom, when, and what that key is allowed to ask for. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import type { Explanation } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { PROBLEMS } from './command-problems.ts';
import type { Nonces } from './nonces.ts';
import { COMMAND_VERBS, type CommandVerb, type MqttSettings } from './settings.ts';
import { COMMAND_ALGORITHM, COMMAND_TYPE } from './signing.ts';

export interface CommandCheckDeps {
  site: string;
  clock: Clock;
  keys: MqttSettings['commandKeys'];
  nonces: Pick<Nonces, 'claim'>;
}

export interface AcceptedCommand {
  verb: CommandVerb;
  args: Record<string, unknown>;
  nonce: string;
  keyId: string;
  /** Epoch seconds. */
  exp: number;
}

export type CommandVerdict =
  | { isAccepted: true; command: AcceptedCommand }
  | {
      isAccepted: false;
      why: Explanation;
      /** As far as it could be read; not to be believed unless the signature was good. */
      nonce: string | null;
      keyId: string | null;
    };

/** Goes into a topic and a table: neither slashes nor wildcards. */
const nonceText = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/);

const claimsSchema = z.strictObject({
  site: z.string(),
  verb: z.string(),
  args: z.record(z.string(), z.unknown()).default({}),
  nonce: nonceText,
  iat: z.int(),
  exp: z.int(),
});
type Claims = z.output<typeof claimsSchema>;

/** Checks the compact JWS that came on `<root>/cmd/<verb>`. */
export function createCommandCheck(
  deps: CommandCheckDeps,
): (topicVerb: string, token: string) => Promise<CommandVerdict> {
  const keys = new Map(
    deps.keys.map(({ id, publicKey, verbs }) => [id, { key: createPublicKey(publicKey.text), verbs }]),
  );

  return async (topicVerb, token) => {
    const seen = peek(token);
    const no = (why: Explanation): CommandVerdict => ({ isAccepted: false, why, ...seen });
    if (seen.keyId === null) return no(PROBLEMS.notSigned());
    const known = keys.get(seen.keyId);
    if (known === undefined) return no(PROBLEMS.unknownKey());
    const signed = await verifiedClaims(token, known.key);
    if ('why' in signed) return no(signed.why);
    const { claims } = signed;
    // The nonce comes last, and without a pause after it: of two copies of a command one gets it.
    const why =
      misdirected(claims, topicVerb) ?? untimely(claims) ?? forbidden(claims, known.verbs) ?? claimed(claims);
    if (why !== null) return no(why);
    const { args, nonce, exp } = claims;
    return { isAccepted: true, command: { verb: verbOf(claims), args, nonce, exp, keyId: seen.keyId } };
  };

  function misdirected({ site, verb }: Claims, topicVerb: string): Explanation | null {
    if (site !== deps.site) return PROBLEMS.otherSite();
    return verb === topicVerb ? null : PROBLEMS.otherVerb();
  }

  function untimely({ iat, exp }: Claims): Explanation | null {
    if (!deps.clock.isSet()) return PROBLEMS.clockUnset();
    const now = deps.clock.now();
    if (now >= exp * 1000) return PROBLEMS.expired();
    if (iat * 1000 > now + LIMITS.commandClockSkewMs) return PROBLEMS.notYet();
    if ((exp - iat) * 1000 > LIMITS.commandLifeMaxMs)
      return PROBLEMS.lifeTooLong(LIMITS.commandLifeMaxMs / 3_600_000);
    return null;
  }

  function forbidden({ verb }: Claims, allowed: readonly string[]): Explanation | null {
    if (!isVerb(verb)) return PROBLEMS.unknownVerb();
    return allowed.includes(verb) ? null : PROBLEMS.verbNotAllowed();
  }

  function claimed({ nonce, exp }: Claims): Explanation | null {
    switch (deps.nonces.claim(nonce, exp)) {
      case 'used':
        return PROBLEMS.replayed();
      case 'forgotten':
        return PROBLEMS.expired();
      case 'full':
        return PROBLEMS.busy();
      case null:
        return null;
    }
  }
}

/** Key id and nonce of a token, unverified, for the record; null where it is no JWS of ours. */
function peek(token: string): { keyId: string | null; nonce: string | null } {
  const [header = '', payload = ''] = token.split('.');
  const fields = headerSchema.safeParse(parseJson(Buffer.from(header, 'base64url').toString('utf8')));
  const claims = z
    .object({ nonce: nonceText })
    .safeParse(parseJson(Buffer.from(payload, 'base64url').toString('utf8')));
  return {
    keyId: fields.success ? fields.data.kid : null,
    nonce: claims.success ? claims.data.nonce : null,
  };
}

const headerSchema = z.object({
  alg: z.literal(COMMAND_ALGORITHM),
  typ: z.literal(COMMAND_TYPE),
  kid: z.string().regex(/^[a-z0-9-]{1,64}$/),
});

function isVerb(verb: string): verb is CommandVerb {
  return COMMAND_VERBS.some((each) => each === verb);
}

function verbOf({ verb }: Claims): CommandVerb {
  if (!isVerb(verb)) throw new Error('an unknown verb was accepted');
  return verb;
}

async function verifiedClaims(
  token: string,
  key: KeyObject,
): Promise<{ claims: Claims } | { why: Explanation }> {
  const { compactVerify, errors } = await import('jose');
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [COMMAND_ALGORITHM] });
    const claims = claimsSchema.safeParse(parseJson(Buffer.from(payload).toString('utf8')));
    return claims.success ? { claims: claims.data } : { why: PROBLEMS.badClaims() };
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return { why: PROBLEMS.badSignature() };
    if (error instanceof errors.JOSEError) return { why: PROBLEMS.notSigned() };
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever asks takes what is no JSON for what does not fit.
    return undefined;
  }
}
