/** Whether somebody is at a TCP port: open and refused both mean that the address is in use. */
import net from 'node:net';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { withinDeadline } from './deadline.ts';
import type { Pace } from './pace.ts';

export type PortState = 'open' | 'refused' | 'silent';

/** Connects and closes at once; nothing is sent. */
export async function probePort(
  deps: { clock: Clock; pace: Pace },
  target: { address: string; port: number; signal: AbortSignal },
): Promise<PortState> {
  await deps.pace.turn(target.signal);
  const limit = { ms: LIMITS.discoveryConnectMaxMs, outer: target.signal };
  return withinDeadline(deps.clock, limit, (signal) => connect(target.address, target.port, signal));
}

function connect(host: string, port: number, signal: AbortSignal): Promise<PortState> {
  return new Promise((resolve) => {
    const socket = new net.Socket({ signal });
    socket.once('connect', () => {
      resolve('open');
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET' ? 'refused' : 'silent');
    });
    socket.once('close', () => resolve('silent'));
    socket.connect(port, host);
  });
}
