/** The memory of the box, as systeminformation tells it: on Linux from /proc/meminfo alone, without a process. */

export interface MemoryFacts {
  memoryTotalBytes: number | null;
  /** What programs can have without swapping. */
  memoryAvailableBytes: number | null;
}

interface Library {
  mem(): Promise<{ total: number; available: number }>;
}

/** Never rejects: what can't be known is null. */
export async function readMemory(load: () => Promise<Library> = loadLibrary): Promise<MemoryFacts> {
  try {
    const { total, available } = await (await load()).mem();
    if (!(total > 0 && available >= 0)) return { memoryTotalBytes: null, memoryAvailableBytes: null };
    return { memoryTotalBytes: total, memoryAvailableBytes: available };
  } catch {
    // Whatever goes wrong in there must not take the other readings along; the missing number shows it.
    return { memoryTotalBytes: null, memoryAvailableBytes: null };
  }
}

async function loadLibrary(): Promise<Library> {
  // The one file that is needed: the whole library takes 3 MiB of an idle agent.
  // @ts-expect-error the package describes its whole alone.
  const library: { default: Library } = await import('systeminformation/lib/memory.js');
  return library.default;
}
