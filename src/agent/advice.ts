/** What a person can do about a code, found in the tables of the rooms. */
import { EXPLANATIONS } from '../dispatch/explanations.ts';
import { HELD_UNFINISHED, HELD_UNKNOWN_DEVICE } from '../intake/replies.ts';
import { MESSAGES } from '../routes/explanations.ts';
import { FAULTS } from '../routes/faults.ts';
import { REPLY_TABLE } from '../routes/replies.ts';

/** For messages that intake holds: a device is told a reply, a person this. */
export const HELD_ADVICE = {
  [HELD_UNKNOWN_DEVICE.code]: 'Release it with `scanferry queue release`, or add the device to devices.',
  [HELD_UNFINISHED.code]: 'Release it to send the part there is, or cancel it and scan again.',
} as const;

const ADVICE: ReadonlyMap<string, string> = new Map([
  ...REPLY_TABLE.map(({ id, advice }) => [`reply.${id}`, advice] as const),
  ...[...Object.entries(MESSAGES), ...Object.entries(FAULTS)].map(
    ([code, { advice }]) => [code, advice] as const,
  ),
  ...Object.entries(EXPLANATIONS).map(
    ([code, row]) => [code, row({ detail: '', hours: 0, by: '', route: '' }).advice] as const,
  ),
  ...Object.entries(HELD_ADVICE),
]);

/** Null for a code that has none. */
export function adviceFor(code: string): string | null {
  return ADVICE.get(code) ?? null;
}
