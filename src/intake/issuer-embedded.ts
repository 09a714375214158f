/** The program of the process that makes certificates, as the build embeds it. Run from source there is none. */

/** JavaScript for `node -`; filled in by scripts/build.ts. */
export const embeddedIssuer = (): string | null => null;
