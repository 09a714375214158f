/** The password of the dashboard: given, kept from before, or made at the first start. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isMissing, OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { hashPassword, makePassword } from '../pages/password.ts';
import { isLoopback } from '../pages/same-origin.ts';
import { PROBLEMS } from './problems.ts';

export interface WebPassword {
  /** Null where nobody has to sign in. */
  hash: string | null;
  /** Shown once, when it was made; null otherwise. */
  made: string | null;
}

export interface WebPasswordRequest {
  address: string;
  /** Whoever can send commands signs in, wherever the page is. */
  hasKey: boolean;
  dataDir: string;
  /** `SCANFERRY_FLEET_WEB_PASSWORD`. */
  given: string | undefined;
}

/** Where only this machine can connect and only look, no password is asked for. */
export async function webPassword(request: WebPasswordRequest): Promise<WebPassword> {
  if (request.given !== undefined && request.given !== '') {
    return { hash: await hashPassword(request.given), made: null };
  }
  if (isLoopback(request.address) && !request.hasKey) return { hash: null, made: null };
  const file = path.join(request.dataDir, 'fleet-password');
  const kept = readKept(file);
  if (kept !== null && kept !== '') return { hash: kept, made: null };
  const made = makePassword();
  const hash = await hashPassword(made);
  keep(file, hash);
  return { hash, made };
}

function readKept(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw new OperatorError(PROBLEMS.fileUnreadable(file, describeError(cause)), { cause });
  }
}

/** Written beside its place and renamed, so that a power cut leaves no half of it. */
function keep(file: string, hash: string): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const fresh = `${file}.${process.pid}.tmp`;
    const handle = openSync(fresh, 'w', 0o600);
    try {
      writeFileSync(handle, `${hash}\n`);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(fresh, file);
  } catch (cause) {
    throw new OperatorError(PROBLEMS.fileUnwritable(file, describeError(cause)), { cause });
  }
}
