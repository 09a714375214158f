/** Keys for commands: made here, the private part never leaves the machine of whoever commands. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { createSecret, type Secret } from '../core/secret.ts';
import { generateKey, readPrivateKey } from '../report/signing.ts';
import { PROBLEMS } from './problems.ts';

export interface CommandKey {
  /** How the sites call it (`mqtt.commandKeys[].id`). */
  id: string;
  privatePem: Secret;
}

export interface NewKey {
  id: string;
  privateFile: string;
  publicFile: string;
  /** For the config of a site. */
  config: string;
}

const KEY_ID = /^[a-z0-9-]{1,64}$/;

/**
 * Makes a pair: `<out>.key.pem`, which only its owner can read, and `<out>.pub.pem`.
 * @throws OperatorError when the name is no id of a key, or a file is there already.
 */
export function makeKey(out: string): NewKey {
  const id = idOf(out);
  const [privateFile, publicFile] = [`${out}.key.pem`, `${out}.pub.pem`];
  for (const file of [privateFile, publicFile]) {
    if (existsSync(file)) throw new OperatorError(PROBLEMS.keyExists(file));
  }
  const { privatePem, publicPem } = generateKey();
  writeNew(privateFile, privatePem, 0o600);
  writeNew(publicFile, publicPem, 0o644);
  return { id, privateFile, publicFile, config: configOf(id, path.basename(publicFile)) };
}

function configOf(id: string, publicFile: string): string {
  return [
    'mqtt:',
    '  commandKeys:',
    `    - id: ${id}`,
    `      publicKey: ${publicFile}`,
    '      verbs: [flush, retry, doctor, send-test]',
  ].join('\n');
}

/** `wx`: an existing file is never written over, whoever made it in between. */
function writeNew(file: string, text: string, mode: number): void {
  try {
    const handle = openSync(file, 'wx', mode);
    try {
      writeFileSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    throw new OperatorError(PROBLEMS.fileUnwritable(file, describeError(cause)), { cause });
  }
}

/**
 * Reads the private key of `file`; its id is the name of the file unless one is given.
 * @throws OperatorError when it can't be read or is no such key.
 */
export function readKey(file: string, givenId?: string): CommandKey {
  const id = givenId ?? idOf(file);
  if (!KEY_ID.test(id)) throw new OperatorError(PROBLEMS.keyIdInvalid(id));
  const pem = readText(file);
  readPrivateKey(pem);
  return { id, privatePem: createSecret(pem) };
}

/** Text of a file. @throws OperatorError that names the file. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new OperatorError(PROBLEMS.fileUnreadable(file, describeError(cause)), { cause });
  }
}

/** `office` for `keys/office`, `keys/office.key.pem` and `keys/office.pem`. */
function idOf(file: string): string {
  const id = path.basename(file).replace(/(\.key)?\.pem$/, '');
  if (!KEY_ID.test(id)) throw new OperatorError(PROBLEMS.keyIdInvalid(id));
  return id;
}
