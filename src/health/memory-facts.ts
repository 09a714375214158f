/** The memory of the box, as systeminformation tells it: on Linux from /proc/meminfo alone, without a process. */

export interface MemoryFacts {
  memoryTotalBytes: number | null;
  /** What programs can have without swapping. */
  memoryAvailableBytes: number | null;
}

/** Never rejects: what can't be known is null. */
export async function readMemory(
  load: () => Promise<{ mem(): Promise<{ total: number; available: number }> }> = loadLibrary,
): Promise<MemoryFacts> {
  try {
    const { total, available } = await (await load()).mem();
    if (!(total > 0 && available >= 0)) return { memoryTotalBytes: null, memoryAvailableBytes: null };
    return { memoryTotalBytes: total, memoryAvailableBytes: available };
  } catch {
    // Whatever goes wrong in there must not take the other readings along; the missing number shows it.
    return { memoryTotalBytes: null, memoryAvailableBytes: null };
  }
}

async function loadLibrary() {
  const library = await import('systeminformation');
  return library.default;
}
