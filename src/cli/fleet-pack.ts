/** `scanferry fleet pack`: profiles of a folder, checked and signed into one file. */
import { writeFileSync } from 'node:fs';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { readKey } from '../fleet/keys.ts';
import { PROBLEMS as FLEET_PROBLEMS } from '../fleet/problems.ts';
import { rawProfiles } from '../profiles/catalogue.generated.ts';
import { checkProfiles } from '../profiles/check.ts';
import { signPack } from '../profiles/pack.ts';
import { PROBLEMS as PACK_PROBLEMS } from '../profiles/pack-problems.ts';
import { readPrivateKey } from '../report/signing.ts';
import { filesOf } from './profiles.ts';

export interface PackOptions {
  key: string;
  keyId?: string;
  out: string;
}

/** Faults that are shown; `profiles check` shows all. */
const FAULTS_SHOWN = 10;

/** Throws OperatorError when the folder, a profile or the key is not right; nothing is written then. */
export async function makePack(
  folder: string,
  { key, keyId, out }: PackOptions,
): Promise<{ file: string; profiles: number; bytes: number }> {
  const files = filesOf(folder).filter(({ path }) => path.endsWith('/profile.json'));
  const faults = checkProfiles(files, rawProfiles).map(({ path, message }) => `${path}: ${message}`);
  if (faults.length > 0 || files.length === 0) {
    const shown = files.length === 0 ? 'there is no profile' : faults.slice(0, FAULTS_SHOWN).join('; ');
    throw new OperatorError(PACK_PROBLEMS.faulty(shown));
  }
  const { id, privatePem } = readKey(key, keyId);
  const token = await signPack({
    ...{ files, keyId: id, now: Date.now(), key: readPrivateKey(privatePem.reveal()) },
  });
  try {
    writeFileSync(out, token);
  } catch (cause) {
    throw new OperatorError(FLEET_PROBLEMS.fileUnwritable(out, describeError(cause)), { cause });
  }
  return { file: out, profiles: files.length, bytes: token.length };
}
