/** `scanferry queue export`: the body of a message as a file that is whole or not there. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import type { CliContext } from './context.ts';
import { PROBLEMS } from './problems.ts';

/** @param target a file, a folder (the file is then named after the message), or `-` for standard output. */
export async function exportBody(context: CliContext, id: string, target: string): Promise<void> {
  const body = await context.client().body(id);
  if (target === '-') return writeToOutput(body, id);
  const file = (await isFolder(target)) ? path.join(target, `${id}.eml`) : target;
  await writeWhole(body, file, id);
  if (context.asJson()) context.output.json({ file });
  else context.output.error(`written to ${file}`);
}

async function writeToOutput(body: Readable, id: string): Promise<void> {
  try {
    await pipeline(body, process.stdout, { end: false });
  } catch (error) {
    // Whoever reads has seen enough, as `head` does.
    if (codeOf(error) !== 'EPIPE') throw new OperatorError(PROBLEMS.exportBroken(id), { cause: error });
  }
}

/** For its owner only, and in one step: an interruption leaves what was there before. */
async function writeWhole(body: Readable, file: string, id: string): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}.part`;
  const handle = await attempt(file, () => open(temporary, 'wx', 0o600));
  try {
    await handle.writeFile(body);
    await attempt(file, () => handle.sync());
    await attempt(file, () => rename(temporary, file));
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(
      codeOf(error) === 'ECONNRESET'
        ? PROBLEMS.exportBroken(id)
        : PROBLEMS.notWritable(file, describeError(error)),
      { cause: error },
    );
  } finally {
    await handle.close();
  }
}

async function attempt<T>(file: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw new OperatorError(PROBLEMS.notWritable(file, describeError(error)), { cause: error });
  }
}

async function isFolder(target: string): Promise<boolean> {
  try {
    return (await stat(target)).isDirectory();
  } catch {
    // It is not there yet: a file of that name is made, or the attempt says why not.
    return false;
  }
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
