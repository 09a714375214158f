/** The files of the pages as the build embeds them. Run from source there are none, and the files themselves are read. */

/** Content in base64 by name, as src/pages/assets.ts lists them; filled in by scripts/build.ts. */
export const EMBEDDED_ASSETS: Readonly<Record<string, string>> = {};
