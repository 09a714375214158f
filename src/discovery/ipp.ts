/** Asks a device over IPP what it is: make and model, device ID, firmware. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { withinDeadline } from './deadline.ts';
import { ask } from './http-message.ts';
import { decodeResponse, encodeRequest } from './ipp-message.ts';
import type { Pace } from './pace.ts';

export interface IppFacts {
  makeModel: string | null;
  deviceId: string | null;
  /** What a person called the printer, or its DNS-SD name. */
  name: string | null;
  firmware: string | null;
}

export interface IppTarget {
  address: string;
  port: number;
  signal: AbortSignal;
}

/** The path of IPP Everywhere first (PWG 5100.14), then those that older devices have. */
const PATHS = ['/ipp/print', '/ipp/printer', '/ipp', '/'];
const ATTRIBUTES = [
  ...['printer-make-and-model', 'printer-device-id', 'printer-dns-sd-name', 'printer-name', 'printer-info'],
  'printer-firmware-string-version',
];

/** Null where no IPP printer answers within the time, on none of the usual paths. */
export function askIpp(deps: { clock: Clock; pace: Pace }, target: IppTarget): Promise<IppFacts | null> {
  const limit = { ms: LIMITS.discoveryIppMaxMs, outer: target.signal };
  return withinDeadline(deps.clock, limit, async (signal) => {
    for (const path of PATHS) {
      await deps.pace.turn(signal);
      if (signal.aborted) return null;
      const facts = await askAt(path, { ...target, signal });
      if (facts !== null) return facts;
    }
    return null;
  });
}

async function askAt(path: string, { address, port, signal }: IppTarget): Promise<IppFacts | null> {
  const body = encodeRequest(`ipp://${address}${path}`, ATTRIBUTES);
  const response = await ask({
    ...{ address, port, path, body, signal, method: 'POST', bytesMax: LIMITS.discoveryIppBytesMax },
    headers: { 'content-type': 'application/ipp', 'content-length': body.length, accept: 'application/ipp' },
  });
  if (response === null || response.status !== 200) return null;
  const attributes = decodeResponse(response.body);
  if (attributes === null || attributes.size === 0) return null;
  const pick = (...names: string[]) =>
    names.map((name) => attributes.get(name)).find((value) => value !== undefined) ?? null;
  return {
    makeModel: pick('printer-make-and-model'),
    deviceId: pick('printer-device-id'),
    name: pick('printer-dns-sd-name', 'printer-info', 'printer-name'),
    firmware: pick('printer-firmware-string-version'),
  };
}
