/** The native SQLite addon as the build embeds it. Run from source there is none, and the package's own file is used. */

export interface EmbeddedAddon {
  sha256: string;
  read(): Buffer;
}

/** By `platform-arch`; filled in by scripts/build.ts. */
export const EMBEDDED_ADDONS: Readonly<Record<string, EmbeddedAddon>> = {};
