/** Pieces that several pages of the fleet show. */
import { type Html, html } from '../../pages/html.ts';
import type { Level, Reach } from '../types.ts';

export const PRODUCT = 'Scanferry fleet';

export const LEVEL_WORDS: Record<Level, string> = { fail: 'Fail', warn: 'Warn', ok: 'OK', off: 'Stopped' };

const REACH_WORDS: Partial<Record<Reach, string>> = {
  offline: 'Offline',
  silent: 'Silent',
  returning: 'Returning',
};

/** A grade as sign, colour and word; a site that is gone says so. */
export function gradeBadge(level: Level, reach?: Reach): Html {
  return html`<span class="grade ${level}">${(reach && REACH_WORDS[reach]) ?? LEVEL_WORDS[level]}</span>`;
}
