/** The title of a device's web page: a last hint, asked for only where nothing better has named the device. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { withinDeadline } from './deadline.ts';
import { ask, type DeviceResponse } from './http-message.ts';
import { cleanText } from './text.ts';

export interface TitleRequest {
  address: string;
  port: number;
  signal: AbortSignal;
}

/** Title of the page at `/`, or of the one it points to at the same address; null where there is none. */
export function askTitle(clock: Clock, { address, port, signal }: TitleRequest): Promise<string | null> {
  const limit = { ms: LIMITS.discoveryHttpMaxMs, outer: signal };
  return withinDeadline(clock, limit, async (inner) => {
    let path = '/';
    for (let hop = 0; hop < LIMITS.discoveryRedirectsMax; hop += 1) {
      const response = await get(address, port, path, inner);
      const next = response === null ? null : redirectOf(response, { address, port, path });
      if (next === null) return response === null ? null : titleOf(response.body.toString('utf8'));
      path = next;
    }
    return null;
  });
}

function get(
  address: string,
  port: number,
  path: string,
  signal: AbortSignal,
): Promise<DeviceResponse | null> {
  const headers = { accept: 'text/html' };
  const bytesMax = LIMITS.discoveryPageBytesMax;
  return ask({ ...{ address, port, path, headers, bytesMax, signal }, method: 'GET', body: null });
}

/** A path at the same address and port, or null: the search never follows a device to another place. */
function redirectOf(
  { status, headers }: DeviceResponse,
  { address, port, path }: { address: string; port: number; path: string },
): string | null {
  const { location } = headers;
  if (status < 300 || status > 399 || location === undefined) return null;
  const base = `http://${address}:${port}`;
  if (!URL.canParse(location, base + path)) return null;
  const target = new URL(location, base + path);
  return target.origin === new URL(base).origin ? target.pathname + target.search : null;
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** What stands between the title tags, with the common entities read. */
export function titleOf(html: string): string | null {
  const start = /<title[^<>]{0,200}>/i.exec(html);
  if (start === null) return null;
  const rest = html.slice(start.index + start[0].length);
  const [raw = ''] = rest.split('<', 1);
  const text = raw.replace(
    /&([a-z]{1,6});/gi,
    (entity, name: string) => ENTITIES[name.toLowerCase()] ?? entity,
  );
  return cleanText(text.replace(/\s+/g, ' '));
}
