/** Which time servers this system asks: those of systemd-timesyncd and chrony. */
import { createSysFiles, type SysFiles } from '../health/sys-files.ts';

/** What Debian's timesyncd asks where nothing is configured (its FallbackNTP). */
const DEBIAN_DEFAULT = ['0.debian.pool.ntp.org'];
const SERVERS_MAX = 3;

/** Host names or addresses, first the ones that were configured; a few at most. `root` stands for `/`. */
export async function systemTimeServers(root: string): Promise<string[]> {
  const files = createSysFiles(root);
  const configured = [
    // `NTP=` of timesyncd.conf and its drop-ins (timesyncd.conf(5)).
    ...(await valuesIn(files, '/etc/systemd/timesyncd.conf', /^NTP=(.+)$/gm)),
    // `server`, `pool` and `peer` lines (chrony.conf(5)).
    ...(await valuesIn(files, '/etc/chrony/chrony.conf', CHRONY)),
    ...(await valuesIn(files, '/etc/chrony/sources.d', CHRONY)),
  ];
  return [...new Set(configured.length > 0 ? configured : DEBIAN_DEFAULT)].slice(0, SERVERS_MAX);
}

const CHRONY = /^(?:server|pool|peer)\s+(\S+)/gm;

/** What the pattern finds in a file, in the files of a folder, or in those of the folder of its drop-ins. */
async function valuesIn(files: SysFiles, place: string, pattern: RegExp): Promise<string[]> {
  const folders = [place, `${place}.d`];
  const names = await Promise.all(
    folders.map(async (folder) => (await files.names(folder)).map((name) => `${folder}/${name}`)),
  );
  const texts = await Promise.all([place, ...names.flat()].map((file) => files.text(file)));
  return texts.flatMap((text) =>
    [...(text ?? '').matchAll(pattern)].flatMap(([, values = '']) => values.trim().split(/\s+/)),
  );
}
