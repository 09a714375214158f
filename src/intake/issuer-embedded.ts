/** The program of the thread that makes certificates, as the build embeds it. Run from source there is none. */

/** JavaScript for `new Worker(…, { eval: true })`; filled in by scripts/build.ts. */
export const embeddedIssuer = (): string | null => null;
