/** Passwords that the fields of a device hold and that a person can type at a panel. */
import { randomInt } from 'node:crypto';
import type { DeviceProfile } from './types.ts';

/** Of letters and digits alone: some devices spoil other characters (docs/reference/quirks.md Q27). */
const USUAL_LENGTH = 16;
/** More than that nobody types at a panel; what Epson devices hold (docs/reference/quirks.md Q20). */
const LENGTH_MAX = 20;
/** Without 0, O, 1, l and I, which look alike on a panel. */
const PLAIN = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
const PRINTABLE = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index)).join('');

/** A password that is as long as is sensible; `limits` of the device's profile, where it has one. */
export function suitablePassword(limits: DeviceProfile['limits']): string {
  const { passwordMax, passwordCharset } = limits ?? {};
  const length = passwordMax === undefined ? USUAL_LENGTH : Math.min(passwordMax, LENGTH_MAX);
  const allowed = charactersOf(passwordCharset);
  return Array.from({ length }, () => allowed[randomInt(allowed.length)]).join('');
}

function charactersOf(charset: string | undefined): string {
  if (charset === undefined) return PLAIN;
  const test = new RegExp(`^[${charset}]$`);
  const fitting = (characters: string) => [...characters].filter((one) => test.test(one)).join('');
  return fitting(PLAIN) || fitting(PRINTABLE) || PLAIN;
}
