/** Opens a TCP connection to an address that answers. */
import { createConnection, type Socket } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { type Bounds, within } from './bounds.ts';
import { connectionFailure, RouteFailure } from './failure.ts';
import { faultCodeOf } from './faults.ts';

export interface Endpoint {
  host: string;
  port: number;
}

/**
 * Tries the addresses one after the other, each for LIMITS.routeConnectMaxMs.
 * @returns a connected socket that has not been read from.
 * @throws RouteFailure of the last address, AttemptAborted
 */
export async function connectFirst(
  addresses: string[],
  endpoint: Endpoint,
  options: Bounds & { log: Log },
): Promise<Socket> {
  let failure = connectionFailure('route.name-without-address', endpoint.host);
  for (const address of addresses) {
    try {
      return await connectOne(address, endpoint, options);
    } catch (error) {
      if (!(error instanceof RouteFailure)) throw error;
      options.log.info('route.address-failed', { address, reason: describeError(error) });
      failure = error;
    }
  }
  throw failure;
}

/**
 * As `connectFirst`, all at once: where packets are swallowed, one after the other takes too long for someone who waits.
 * @throws RouteFailure of the first address, AttemptAborted
 */
export async function connectAny(
  addresses: readonly string[],
  endpoint: Endpoint,
  options: Bounds & { log: Log },
): Promise<Socket> {
  const found = new AbortController();
  const bounds = { ...options, signal: AbortSignal.any([options.signal, found.signal]) };
  const tries = addresses.map((address) => connectOne(address, endpoint, bounds));
  try {
    const socket = await Promise.any(tries);
    // Whoever comes late is cut; those that fail have nothing left to tell, since one address answered.
    for (const other of tries) void other.then((late) => late === socket || dropped(late)).catch(() => {});
    return socket;
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    throw error.errors[0] ?? connectionFailure('route.name-without-address', endpoint.host);
  } finally {
    found.abort();
  }
}

function dropped(socket: Socket): void {
  socket.on('error', () => {});
  socket.destroy();
}

async function connectOne(address: string, { host, port }: Endpoint, bounds: Bounds): Promise<Socket> {
  const where = address === host ? `${host}:${port}` : `${host} [${address}]:${port}`;
  const upstream = { host, address, port, tls: null };
  const socket = createConnection({ host: address, port, noDelay: true, keepAlive: true });
  const connected = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) =>
      reject(connectionFailure(faultCodeOf(error), where, { error, upstream })),
    );
  });
  try {
    await within(connected, bounds, {
      limitMs: LIMITS.routeConnectMaxMs,
      onTimeout: () => connectionFailure('route.timeout', where, { upstream }),
    });
    socket.removeAllListeners('error');
    return socket;
  } catch (error) {
    // A late error of a socket nobody waits for any more has nothing left to tell.
    dropped(socket);
    throw error;
  }
}
