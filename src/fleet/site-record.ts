/**
 * What is kept of one site, and how a message changes it.
 *
 * Ten thousand of these are in memory: payloads stay the text they came as, and only what the table shows is read out
 * of them at once.
 */
import { LIMITS } from '../core/limits.ts';
import type { Grade } from '../health/types.ts';
import type { StatusPayload } from '../report/payloads.ts';
import {
  deviceShape,
  type Health,
  healthShape,
  type Info,
  infoShape,
  parsePayload,
  telemetryShape,
} from './parse.ts';
import { OLDEST_KEY, QUEUE_KEY } from './series.ts';
import type { SiteProblem } from './types.ts';

/** A moment by both clocks: the wall clock is shown, the other one measures. */
export interface Moment {
  wall: number;
  monotonic: number;
}

export interface SiteRecord {
  site: string;
  info: Info | null;
  status: StatusPayload | null;
  /** When the status came, and whether the broker had kept it. */
  statusAt: Moment | null;
  isStatusRetained: boolean;
  /** Last message the site sent while we listened. */
  heardAt: Moment | null;
  /** Last time the connection counter rose while we listened. */
  connectedAt: Moment | null;
  healthText: string | null;
  healthAt: number | null;
  grade: Grade | null;
  worst: SiteProblem | null;
  queue: number | null;
  oldestS: number | null;
  /** Latest telemetry. */
  numbers: Record<string, number> | null;
  /** Payload by device. */
  devices: Map<string, string>;
}

export interface SiteMessage {
  kind: 'status' | 'info' | 'health' | 'telemetry' | 'device' | 'event';
  /** Device of a device's state, else empty. */
  id: string;
  payload: string;
  isRetained: boolean;
}

export function createRecord(site: string): SiteRecord {
  return {
    site,
    info: null,
    status: null,
    statusAt: null,
    isStatusRetained: false,
    heardAt: null,
    connectedAt: null,
    healthText: null,
    healthAt: null,
    grade: null,
    worst: null,
    queue: null,
    oldestS: null,
    numbers: null,
    devices: new Map(),
  };
}

/** Takes a message in; false for one that can't be read, which changes nothing. */
export function applyMessage(record: SiteRecord, message: SiteMessage, at: Moment): boolean {
  const isTaken = APPLY[message.kind](record, message, at);
  // The broker speaks for a site only in its status: a will is no sign of life.
  if (isTaken && !message.isRetained && message.kind !== 'status') record.heardAt = at;
  return isTaken;
}

type Apply = (record: SiteRecord, message: SiteMessage, at: Moment) => boolean;

const APPLY: Record<SiteMessage['kind'], Apply> = {
  status: applyStatus,
  info: applyInfo,
  health: applyHealth,
  telemetry: applyTelemetry,
  device: applyDevice,
  event: () => true,
};

function applyStatus(record: SiteRecord, { payload, isRetained }: SiteMessage, at: Moment): boolean {
  if (payload !== 'online' && payload !== 'offline') return false;
  // Said again, it began when it was said first.
  if (record.status === payload && payload === 'offline' && !isContradicted(record)) return true;
  record.status = payload;
  record.statusAt = at;
  record.isStatusRetained = isRetained;
  if (payload === 'online' && !isRetained) record.heardAt = at;
  return true;
}

/** An `offline` that is followed by a sign of life was the late will of an earlier connection. */
export function isContradicted({ status, statusAt, heardAt }: SiteRecord): boolean {
  return (
    status === 'offline' && statusAt !== null && heardAt !== null && heardAt.monotonic > statusAt.monotonic
  );
}

function applyInfo(record: SiteRecord, { payload, isRetained }: SiteMessage, at: Moment): boolean {
  const info = parsePayload(infoShape, payload);
  if (info === null) return false;
  if (!isRetained && info.connection !== record.info?.connection) record.connectedAt = at;
  record.info = info;
  return true;
}

function applyHealth(record: SiteRecord, { payload }: SiteMessage): boolean {
  const health = parsePayload(healthShape, payload);
  if (health === null) return false;
  record.healthText = payload;
  record.healthAt = health.ts;
  record.grade = health.grade;
  record.worst = health.problems[0] ?? null;
  record.queue = numberOf(health, QUEUE_KEY);
  record.oldestS = numberOf(health, OLDEST_KEY);
  return true;
}

function numberOf(health: Health, key: string): number | null {
  const value = health.metrics[key]?.value;
  return typeof value === 'number' ? value : null;
}

function applyTelemetry(record: SiteRecord, { payload }: SiteMessage): boolean {
  const numbers = parsePayload(telemetryShape, payload);
  if (numbers === null) return false;
  record.numbers = numbers;
  record.queue = numbers[QUEUE_KEY] ?? record.queue;
  record.oldestS = numbers[OLDEST_KEY] ?? record.oldestS;
  return true;
}

function applyDevice(record: SiteRecord, { id, payload }: SiteMessage): boolean {
  // An empty retained payload takes a device away (MQTT 3.1.1 section 3.3.1.3).
  if (payload === '') return record.devices.delete(id);
  const isKnown = record.devices.has(id);
  if (!isKnown && record.devices.size >= LIMITS.fleetDevicesPerSiteMax) return false;
  if (parsePayload(deviceShape, payload) === null) return false;
  record.devices.set(id, payload);
  return true;
}
