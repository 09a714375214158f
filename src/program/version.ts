/** Version and build time, put in by the build; run from source, the package's version and no build time. */
import packageJson from '../../package.json' with { type: 'json' };

declare const BUILD_TIME: string | undefined;

export const VERSION: string = packageJson.version;

/** ISO time of the build, or null when run from source. */
export const BUILT: string | null = typeof BUILD_TIME === 'undefined' ? null : BUILD_TIME;

/** A moment that has certainly passed: a wall clock before it has not been set. */
export const CLOCK_FLOOR_MS: number = BUILT === null ? Date.UTC(2026, 10, 1) : Date.parse(BUILT);
