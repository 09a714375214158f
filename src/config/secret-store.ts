/** The box's own store of secrets: one file, each value sealed under the box key and bound to its name. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import { seal, unseal } from '../core/seal.ts';
import { openBoxKey, readBoxKey } from './box-key.ts';
import { PROBLEMS } from './errors.ts';
import { PRIVATE_MODE, writeFileDurably } from './files.ts';

export interface SecretStore {
  /** Clear text, or undefined where there is no such name. Throws OperatorError when it can't be opened. */
  read(name: string): string | undefined;
  write(name: string, value: string): void;
  /** False where there was no such name. */
  remove(name: string): boolean;
  names(): string[];
}

const FILE_NAME = 'secrets.json';
const fileSchema = z.record(z.string(), z.base64());

/** Opens the store of a data folder. Nothing is created before the first write. */
export function openSecretStore(dataDir: string): SecretStore {
  const file = path.join(dataDir, FILE_NAME);

  function readAll(): Record<string, string> {
    if (!existsSync(file)) return {};
    try {
      return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (cause) {
      throw unreadable(file, cause);
    }
  }

  function writeAll(entries: Record<string, string>): void {
    writeFileDurably(file, `${JSON.stringify(entries, null, 2)}\n`, PRIVATE_MODE);
  }

  return {
    read(name) {
      const sealed = readAll()[name];
      if (sealed === undefined) return undefined;
      const key = readBoxKey(dataDir);
      if (key === null) throw unreadable(file, new Error('the box key is missing'));
      try {
        return unseal(key, Buffer.from(sealed, 'base64'), contextOf(name)).toString('utf8');
      } catch (cause) {
        throw unreadable(file, cause);
      }
    },
    write(name, value) {
      const sealed = seal(openBoxKey(dataDir), Buffer.from(value), contextOf(name)).toString('base64');
      writeAll({ ...readAll(), [name]: sealed });
    },
    remove(name) {
      const { [name]: removed, ...rest } = readAll();
      if (removed === undefined) return false;
      writeAll(rest);
      return true;
    },
    names: () => Object.keys(readAll()).sort(),
  };
}

function contextOf(name: string): string {
  return `secret:${name}`;
}

function unreadable(file: string, cause: unknown): OperatorError {
  return new OperatorError(PROBLEMS.secretsUnreadable(file), { cause, exitCode: 2 });
}
