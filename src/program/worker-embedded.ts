/** The program of the spool's thread as the build embeds it. Run from source there is none, and its own file is started. */

/** JavaScript for `new Worker(…, { eval: true })`; filled in by scripts/build.ts. */
export const embeddedWorker = (): string | null => null;
