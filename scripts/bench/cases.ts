/** The work that they do. */
import { INWARD, type Inward } from './inward.ts';
import type { Load } from './load.ts';

export interface Case {
  load: Load;
  inward: Inward;
  /** Whether the libraries alone do it, too. */
  hasFloor: boolean;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** There the aims of speed are (docs/performance.md). */
const FLOOR_CONNECTIONS = 200;

/** Counts are such that Postfix takes a few seconds for each: at 200 connections it waits a second by design (in_flow_delay). */
const LOADS: readonly { load: Load; quickMessages: number | null }[] = [
  { load: { messages: 60, connections: 1, bytes: 4 * KIB }, quickMessages: 20 },
  { load: { messages: 1000, connections: 20, bytes: 4 * KIB }, quickMessages: 300 },
  { load: { messages: 1500, connections: FLOOR_CONNECTIONS, bytes: 4 * KIB }, quickMessages: 400 },
  { load: { messages: 48, connections: 8, bytes: 5 * MIB }, quickMessages: 16 },
  { load: { messages: 16, connections: 8, bytes: 25 * MIB }, quickMessages: null },
];

/** The quick run has fewer messages, one way of TLS in, and leaves out the 25 MiB scans. */
export function casesOf(isQuick: boolean): Case[] {
  const ways: readonly Inward[] = isQuick ? ['plain', 'TLS 1.0'] : INWARD;
  return LOADS.flatMap(({ load, quickMessages }) => {
    const messages = isQuick ? quickMessages : load.messages;
    const hasFloor = load.connections === FLOOR_CONNECTIONS;
    return messages === null ? [] : ways.map((inward) => ({ load: { ...load, messages }, inward, hasFloor }));
  });
}

export function nameOf({ load, inward }: Case): string {
  const size = load.bytes < MIB ? `${load.bytes / KIB} KiB` : `${load.bytes / MIB} MiB`;
  return `${size} × ${load.connections}, ${inward}`;
}
