/** A passphrase: out of a file, or typed without an echo. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { PROBLEMS } from '../backup/problems.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';

/** @param file holds it in its first line. Throws OperatorError (exit code 2) when it can't be read. */
export function passphraseFrom(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)[0] ?? '';
  } catch (cause) {
    throw new OperatorError(PROBLEMS.unreadable(file, describeError(cause)), { exitCode: 2, cause });
  }
}

/** Asks at the terminal; `twice` where a slip would lock everything up. */
export async function askPassphrase({ twice }: { twice: boolean }): Promise<string> {
  if (!process.stdin.isTTY) throw new OperatorError(PROBLEMS.passphraseEmpty(), { exitCode: 2 });
  const first = await ask('Passphrase: ');
  if (twice && (await ask('The same again: ')) !== first) {
    throw new OperatorError(PROBLEMS.passphrasesDiffer(), { exitCode: 2 });
  }
  return first;
}

async function ask(question: string): Promise<string> {
  // What is typed goes nowhere, from the moment that the question is there.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  try {
    return await terminal.question('');
  } catch (cause) {
    // Ctrl-C and Ctrl-D.
    throw new OperatorError(PROBLEMS.passphraseEmpty(), { exitCode: 2, cause });
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
