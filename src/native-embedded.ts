/** The native SQLite addon as the build embeds it. Run from source there is none, and the package's own file is used. */

/** Brotli-compressed addons in base64, by `platform-arch`; filled in by scripts/build.ts. */
export const EMBEDDED_ADDONS: Readonly<Record<string, { sha256: string; brotliBase64: string }>> = {};
