/**
 * A signed pack of profiles: a compact JWS (RFC 7515) under EdDSA (RFC 8037) over the compressed profile files and the
 * moment they were put together. A newer one takes the place of an older one; its profiles stand over the built-in ones
 * of the same id.
 */
import type { KeyObject } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import type { CatalogueFile } from './check.ts';
import { PROBLEMS } from './pack-problems.ts';

/** `typ` of the header: no signature made for something else under the same key is one of a pack. */
const PACK_TYPE = 'scanferry-profiles+jws';
const ALGORITHM = 'EdDSA';

const packSchema = z.strictObject({
  /** Epoch seconds. */
  issued: z.int().min(0),
  files: z
    .array(z.strictObject({ path: z.string().max(200), text: z.string().max(LIMITS.profileFileBytesMax) }))
    .min(1)
    .max(LIMITS.profileFilesMax),
});

export type Pack = z.output<typeof packSchema>;

const headerSchema = z.object({
  alg: z.literal(ALGORITHM),
  typ: z.literal(PACK_TYPE),
  kid: z.string().regex(/^[a-z0-9-]{1,64}$/),
});

export interface PackToSign {
  /** Of these only the profiles are packed: their dialogues are for tests. */
  files: readonly CatalogueFile[];
  key: KeyObject;
  /** `id` of the key in `mqtt.commandKeys` of the sites. */
  keyId: string;
  /** Epoch milliseconds. */
  now: number;
}

/** Signs a pack. Throws OperatorError when it is too large to be sent to a site. */
export async function signPack({ files, key, keyId, now }: PackToSign): Promise<string> {
  const { CompactSign } = await import('jose');
  const profiles = files
    .filter(({ path }) => path.endsWith('/profile.json'))
    .map(({ path, text }) => ({ path, text: JSON.stringify(JSON.parse(text)) }));
  const pack: Pack = { issued: Math.floor(now / 1000), files: profiles };
  const token = await new CompactSign(deflateRawSync(JSON.stringify(pack), { level: 9 }))
    .setProtectedHeader({ alg: ALGORITHM, typ: PACK_TYPE, kid: keyId })
    .sign(key);
  if (token.length > LIMITS.profilePackBytesMax)
    throw new OperatorError(PROBLEMS.tooLarge(LIMITS.profilePackBytesMax));
  return token;
}

/** Verifies and reads a pack; `keys` are those that may sign one, by id. Throws OperatorError when it is not to be trusted. */
export async function openPack(token: string, keys: ReadonlyMap<string, KeyObject>): Promise<Pack> {
  if (token.length > LIMITS.profilePackBytesMax)
    throw new OperatorError(PROBLEMS.tooLarge(LIMITS.profilePackBytesMax));
  const { kid } = readHeader(token);
  const key = keys.get(kid);
  if (key === undefined) throw new OperatorError(PROBLEMS.unknownKey(kid));
  const { compactVerify, errors } = await import('jose');
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [ALGORITHM] });
    return readPayload(payload);
  } catch (cause) {
    if (cause instanceof errors.JWSSignatureVerificationFailed)
      throw new OperatorError(PROBLEMS.badSignature(kid), { cause });
    if (cause instanceof errors.JOSEError)
      throw new OperatorError(PROBLEMS.unreadable(describeError(cause)), { cause });
    throw cause;
  }
}

/** Reads a pack that was verified when it was taken in. Throws OperatorError when it is none. */
export function readPack(token: string): Pack {
  readHeader(token);
  return readPayload(Buffer.from(token.split('.')[1] ?? '', 'base64url'));
}

function readHeader(token: string): z.output<typeof headerSchema> {
  const text = Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8');
  try {
    return headerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OperatorError(PROBLEMS.unreadable('it has not the header of one'), { cause });
  }
}

function readPayload(payload: Uint8Array): Pack {
  try {
    // A few kilobytes can unpack to gigabytes.
    const bytes = inflateRawSync(payload, { maxOutputLength: LIMITS.profilePackUnpackedBytesMax });
    return packSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new OperatorError(PROBLEMS.unreadable(describeError(cause).slice(0, 200)), { cause });
  }
}
