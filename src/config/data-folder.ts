/** The data folder: whether it can be used, and what its file system says against it in the operator's words. */
import { accessSync, constants, existsSync } from 'node:fs';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { PROBLEMS } from './errors.ts';

/**
 * Looks whether an existing data folder may be written, so that a disk that is mounted read-only is told as such and
 * not as the trouble of whatever is written first.
 * @throws OperatorError when it may not.
 */
export function assertWritable(dataDir: string): void {
  if (!existsSync(dataDir)) return;
  explainDataFolder(dataDir, () => accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK));
}

/** Runs `work`; errors of the file system in it are the operator's to mend, and become an OperatorError. */
export function explainDataFolder<T>(dataDir: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new OperatorError(PROBLEMS.dataFolderUnusable(dataDir, describeError(cause)), { cause });
  }
}
