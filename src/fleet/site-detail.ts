/** All that is known of one site, read out of the payloads when somebody looks at it. */
import { deviceShape, type Health, healthShape, parsePayload } from './parse.ts';
import type { SiteRecord } from './site-record.ts';
import type { SiteDetail, SiteDevice, SiteRow } from './types.ts';

const NOTHING: Pick<Health, 'metrics' | 'problems'> = { metrics: {}, problems: [] };

export function detailOf(record: SiteRecord, row: SiteRow): SiteDetail {
  const { info, healthText } = record;
  const { metrics, problems } =
    (healthText === null ? null : parsePayload(healthShape, healthText)) ?? NOTHING;
  return {
    ...row,
    host: info?.host ?? '',
    address: info?.address ?? null,
    startedAt: info?.started ?? null,
    healthAt: record.healthAt,
    readings: Object.entries(metrics).map(([key, reading]) => ({ key, ...reading })),
    problems,
    devices: [...record.devices.entries()]
      .map(([id, text]) => deviceOf(id, text))
      .filter((device) => device !== null)
      .sort(compareDevices),
  };
}

function deviceOf(id: string, text: string): SiteDevice | null {
  const state = parsePayload(deviceShape, text);
  if (state === null) return null;
  const { last_seen, last_message, ...rest } = state;
  return { ...rest, id, lastSeenAt: last_seen, lastMessageAt: last_message };
}

const RANK = { fail: 0, warn: 1, ok: 2 };

function compareDevices(a: SiteDevice, b: SiteDevice): number {
  return RANK[a.grade] - RANK[b.grade] || (a.id < b.id ? -1 : 1);
}
