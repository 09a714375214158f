/** Debian's Chromium, driven by Playwright, for pages that a person looks at or prints. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PROGRAM = '/usr/bin/chromium';

/** Starts a browser without a window; close it after use. */
export async function startBrowser(): Promise<Browser> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run scripts/install-test-peers.sh`);
  // Its sandbox needs rights that root in a container has not; it loads this project's own pages alone.
  return chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox'] });
}
