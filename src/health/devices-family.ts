/** Metrics of each device of the config: when it was seen, whether it is silent, refused, or failing. */
import { type Family, family, type Rule, type Verdict } from './metric.ts';
import { PROBLEMS } from './problems.ts';
import type { Silence } from './silence.ts';
import { countWords } from './words.ts';

export interface DeviceSeen {
  id: string;
  lastSeenAgeMs: number | null;
  lastMessageAgeMs: number | null;
  accepted: number;
  delivered: number;
  failed: number;
  waiting: number;
  tls: string | null;
  /** Null while its habit is not known yet. */
  silence: Silence | null;
  /** Recipients that failed since the latest one that was delivered. */
  failedInRow: number;
  /** Refused sessions since the latest accepted message. */
  refusedInRow: number;
}

/** One wrong address is a person's mistake; three failures in a row are the device's. */
const FAILED_WARN = 3;
const FAILED_FAIL = 10;
/** A device tries again by itself once or twice. */
const REFUSED_WARN = 3;

const silent: Rule<DeviceSeen> = {
  words:
    'warn when true: with its habit of the last 8 weeks, so long a silence comes twice in a thousand times',
  judge: (value, { id, silence }) =>
    value === true && silence !== null
      ? { grade: 'warn', why: PROBLEMS.deviceSilent(id, countWords(silence.days, 'day')) }
      : null,
};

const failing: Rule<DeviceSeen> = {
  words: `warn from ${FAILED_WARN}, fail from ${FAILED_FAIL}`,
  judge(value, { id }): Verdict | null {
    const count = Number(value);
    if (count < FAILED_WARN) return null;
    const why = PROBLEMS.deviceFailing(id, countWords(count, 'recipient'));
    return { grade: count >= FAILED_FAIL ? 'fail' : 'warn', why };
  },
};

const refused: Rule<DeviceSeen> = {
  words: `warn from ${REFUSED_WARN}`,
  judge: (value, { id }) =>
    Number(value) >= REFUSED_WARN
      ? { grade: 'warn', why: PROBLEMS.deviceRefused(id, countWords(Number(value), 'session')) }
      : null,
};

export const DEVICES_FAMILY: Family<DeviceSeen> = family('devices', 'device', [
  {
    name: 'device_last_seen_age_s',
    unit: 's',
    help: 'Time since the device last connected for a message; unknown before the first.',
    value: ({ lastSeenAgeMs }) => seconds(lastSeenAgeMs),
  },
  {
    name: 'device_last_message_age_s',
    unit: 's',
    help: 'Time since its latest accepted message.',
    value: ({ lastMessageAgeMs }) => seconds(lastMessageAgeMs),
  },
  {
    name: 'device_silent',
    unit: 'bool',
    help: 'Whether it has been silent for longer than usual; unknown until it has sent on 5 days within 2 weeks or more.',
    value: ({ silence }) => (silence === null ? null : silence.isUnusual),
    rule: silent,
  },
  {
    name: 'device_accepted_count',
    unit: 'count',
    help: 'Messages accepted from it since the agent knows it.',
    value: ({ accepted }) => accepted,
  },
  {
    name: 'device_delivered_count',
    unit: 'count',
    help: 'Recipients its messages were delivered to.',
    value: ({ delivered }) => delivered,
  },
  {
    name: 'device_failed_count',
    unit: 'count',
    help: 'Recipients its messages failed for.',
    value: (seen) => seen.failed,
  },
  {
    name: 'device_waiting_count',
    unit: 'count',
    help: 'Its messages that wait for an attempt.',
    value: ({ waiting }) => waiting,
  },
  {
    name: 'device_failed_in_row_count',
    unit: 'count',
    help: 'Recipients that failed since the latest one that was delivered.',
    value: ({ failedInRow }) => failedInRow,
    rule: failing,
  },
  {
    name: 'device_refused_in_row_count',
    unit: 'count',
    help: 'Sessions of it that were refused since its latest accepted message; at most one a minute is counted.',
    value: ({ refusedInRow }) => refusedInRow,
    rule: refused,
  },
  {
    name: 'device_tls_state',
    unit: 'state',
    help: 'TLS of its latest message, such as `TLSv1`, or `none` for plain text.',
    value: ({ tls }) => tls,
  },
]);

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.max(0, Math.floor(ms / 1000));
}
