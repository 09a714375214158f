/** The socket of the control interface: where it is, and whether an agent answers there already. */
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { OperatorError } from '../core/errors.ts';
import { PROBLEMS } from './problems.ts';

/** Path of the socket. Unix limits it to 107 bytes, so the name is short. */
export function controlSocketPath(dataDir: string): string {
  return path.join(dataDir, 'control.sock');
}

/** Throws OperatorError when another agent already serves this data folder. */
export async function assertAlone(dataDir: string): Promise<void> {
  if (await isServed(controlSocketPath(dataDir))) throw new OperatorError(PROBLEMS.alreadyRunning(dataDir));
}

async function isServed(socketPath: string): Promise<boolean> {
  const probe = net.connect(socketPath);
  try {
    await once(probe, 'connect');
    return true;
  } catch {
    // Nobody answers: the socket is absent or left over from an agent that was killed.
    return false;
  } finally {
    probe.destroy();
  }
}
