/**
 * Completes package-lock.json after a dependency changed. npm leaves optional packages of other platforms out where it
 * can't fetch them or has a node_modules already (npm/cli#4828), and `npm ci` then refuses the file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

interface LockedPackage {
  version: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const FILE = path.resolve(import.meta.dirname, '../package-lock.json');

/** `cli-linux-arm64-musl` → os, cpu, libc; platform packages are named so by custom. */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> | null {
  const match = /(android|darwin|freebsd|linux|win32)-(arm64|arm|x64|ia32)(?:-(musl|gnu))?$/.exec(name);
  if (!match?.[1] || !match[2]) return null;
  const libc = match[3] === 'musl' ? { libc: ['musl'] } : {};
  return { os: [match[1]], cpu: [match[2]], ...libc };
}

const lock = JSON.parse(readFileSync(FILE, 'utf8')) as { packages: Record<string, LockedPackage> };
for (const owner of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    const platform = platformOf(name);
    if (lock.packages[place] !== undefined || platform === null) continue;
    lock.packages[place] = { version, ...(owner.dev ? { dev: true } : {}), optional: true, ...platform };
    console.log(`added ${name}@${version}`);
  }
}
const [root, ...others] = Object.entries(lock.packages);
const sorted = others.sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(root === undefined ? sorted : [root, ...sorted]);
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
