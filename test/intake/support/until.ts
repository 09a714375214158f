/** Waits for something that the event loop brings, without sleeping; bounded, so that a test fails by itself. */

const WAIT_MAX_MS = 10_000;

export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + WAIT_MAX_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
