/** Which numbers of a site the table and the curves show, by their key in health and telemetry. */

/** Recipients that wait. */
export const QUEUE_KEY = 'spool_waiting_count';
/** Age of the oldest that waits. */
export const OLDEST_KEY = 'spool_oldest_age_s';

export interface Series {
  key: string;
  label: string;
  unit: string;
}

/** What is kept over time: few enough that a month of ten thousand sites fits on a small disk. */
export const SERIES: readonly Series[] = [
  { key: QUEUE_KEY, label: 'Waiting', unit: 'count' },
  { key: OLDEST_KEY, label: 'Oldest waits for', unit: 's' },
];
