/** Times for people and for mail, in the time zone of the box with its offset. */

/** `2026-11-24 09:12:05 (UTC+01:00)`. */
export function localTime(epochMs: number): string {
  const date = new Date(epochMs);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${timeOf(date)} (UTC${offsetOf(date, ':')})`;
}

/** `Tue, 24 Nov 2026 09:12:05 +0100` (RFC 5322 section 3.3). */
export function localMailDate(epochMs: number): string {
  const date = new Date(epochMs);
  const day = `${DAYS[date.getDay()]}, ${pad(date.getDate())} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
  return `${day} ${timeOf(date)} ${offsetOf(date, '')}`;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function timeOf(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':');
}

function offsetOf(date: Date, colon: string): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}${colon}${pad(size % 60)}`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
