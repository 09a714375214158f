/** A process of simulated sites: started with its options as JSON, tells its figures every second, ends with its parent. */
import { createSystemClock } from '../../src/core/clock.ts';
import { createLoadSites, type SitesFigures, type SitesOptions } from './sites.ts';

export type SiteProcessOptions = Omit<SitesOptions, 'clock' | 'random'>;
/** What the process tells. */
export type SiteProcessReport = SitesFigures;

const FIGURES_EVERY_MS = 1000;

// The parent writes it (site-processes.ts).
const options = JSON.parse(process.argv[2] ?? '{}') as SiteProcessOptions;
const sites = createLoadSites({ ...options, clock: createSystemClock(0), random: Math.random });
sites.start();
const telling = setInterval(() => {
  if (process.connected) process.send?.(sites.figures());
}, FIGURES_EVERY_MS);
process.on('disconnect', () => {
  clearInterval(telling);
  process.exit(0);
});
// The parent may be gone before the figures are.
process.on('error', () => process.exit(0));
