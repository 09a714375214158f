/** Turns the events of trouble into cases: what a person is told of, once each. Pure. */
import { assertNever } from '../core/assert.ts';
import type { EventData } from '../core/events.ts';
import type { MessageId } from '../core/message.ts';
import type { TroubleRecord } from '../spool/types.ts';

/** `seq` is the last event that belongs to the case. */
export type Case =
  /** Recipients failed or were held; which, the spool knows. */
  | { kind: 'message'; seq: number; at: number; message: MessageId }
  /** A device that nobody registered has sent. */
  | { kind: 'device'; seq: number; at: number; message: MessageId; address: string }
  | { kind: 'route'; seq: number; at: number; route: string }
  | { kind: 'salvage'; seq: number; at: number; data: EventData['spool.salvaged'] }
  /** Messages wait for long, `message` the longest. */
  | { kind: 'delay'; seq: number; at: number; message: MessageId };

/** A hold by a person, who knows; and holds whose end intake or join see to themselves. */
const QUIET_HOLDS = new Set(['operator.held', 'join.waiting']);
const UNKNOWN_DEVICE = 'intake.device-held';

/** Adds the case of an event, or extends the one it belongs to. */
export function addTrouble(cases: Map<string, Case>, event: TroubleRecord): void {
  const found = caseOf(event);
  if (found === null) return;
  const key = keyOf(found);
  // In the order of their last events: whatever stands before a case is told before it.
  cases.delete(key);
  cases.set(key, found);
}

function keyOf(one: Case): string {
  switch (one.kind) {
    case 'message':
    case 'delay':
      return `${one.kind} ${one.message}`;
    case 'device':
      return `${one.kind} ${one.address}`;
    case 'route':
      return `${one.kind} ${one.route}`;
    case 'salvage':
      return `${one.kind} ${one.seq}`;
    default:
      return assertNever(one);
  }
}

function caseOf(event: TroubleRecord): Case | null {
  const base = { seq: event.seq, at: event.ts };
  switch (event.type) {
    case 'message.failed':
      return { kind: 'message', ...base, message: event.data.message };
    case 'message.held':
      return QUIET_HOLDS.has(event.data.code)
        ? null
        : { kind: 'message', ...base, message: event.data.message };
    case 'message.accepted':
      return acceptedCase(event.data, base);
    case 'route.paused':
      return event.data.needsPerson && event.data.code !== 'route.paused-by-operator'
        ? { kind: 'route', ...base, route: event.data.route }
        : null;
    case 'spool.salvaged':
      return { kind: 'salvage', ...base, data: event.data };
    default:
      return assertNever(event);
  }
}

function acceptedCase(
  { message, address, held }: EventData['message.accepted'],
  base: { seq: number; at: number },
): Case | null {
  if (held === null || QUIET_HOLDS.has(held)) return null;
  return held === UNKNOWN_DEVICE
    ? { kind: 'device', ...base, message, address }
    : { kind: 'message', ...base, message };
}
