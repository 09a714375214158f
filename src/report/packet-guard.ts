/** Reads the lengths of incoming MQTT packets as they stream by, so that a huge one is refused before it fills memory. */

/** Bytes of the remaining length at most (MQTT 3.1.1 section 2.2.3). */
const LENGTH_BYTES_MAX = 4;

/**
 * Watches a stream of MQTT packets, chunk by chunk.
 * @param onTooLarge told the announced length of a packet above `bytesMax`, once; nothing is watched afterwards.
 */
export function createPacketGuard(
  bytesMax: number,
  onTooLarge: (bytes: number) => void,
): (chunk: Buffer) => void {
  let bodyLeft = 0;
  /** Bytes of the fixed header seen so far: 0 before the type, then the bytes of the length. */
  let headerBytes = 0;
  let length = 0;
  let isOver = false;

  function readHeaderByte(byte: number): void {
    if (headerBytes > 0) length += (byte & 0x7f) * 128 ** (headerBytes - 1);
    headerBytes += 1;
    const isLast = headerBytes > 1 && ((byte & 0x80) === 0 || headerBytes > LENGTH_BYTES_MAX);
    if (!isLast) return;
    if (length > bytesMax) {
      isOver = true;
      onTooLarge(length);
    }
    bodyLeft = length;
    headerBytes = 0;
    length = 0;
  }

  return (chunk) => {
    let at = 0;
    while (at < chunk.length && !isOver) {
      if (bodyLeft > 0) {
        const step = Math.min(bodyLeft, chunk.length - at);
        bodyLeft -= step;
        at += step;
      } else {
        readHeaderByte(chunk.readUInt8(at));
        at += 1;
      }
    }
  };
}
