/** Measures the repair pass: bytes a second of CPU time and resident memory, by what the body is made of. */
import { createRepairPass } from '../../src/intake/repair/repair-pass.ts';

const MIB = 1024 ** 2;
const BODY_BYTES = 200 * MIB;
/** As a socket hands them over. */
const CHUNK_BYTES = 65_521;
const BASE64 = 'JVBERi0xLjcK'.repeat(7).slice(0, 76);

const BODIES: Record<string, string> = {
  'base64, CRLF': `${BASE64}\r\n`,
  'base64, bare LF': `${BASE64}\n`,
  'base64, a NUL in each line': `${BASE64}\0\r\n`,
  'base64, one endless line': BASE64,
  'text, lines of 3000': `${'word '.repeat(600)}\r\n`,
  'nothing but bare LF': '\n',
};

function measure(piece: string): { bytesPerSecond: number; repairs: string } {
  const block = Buffer.from(piece.repeat(Math.ceil((2 * MIB) / piece.length)), 'latin1');
  const pass = createRepairPass({
    ...{ received: 'Received: by box\r\n', date: 'x', isClockSet: true, from: 'a@contoso.com' },
    ...{ messageId: '<a@box>', headerBytesMax: MIB },
  });
  pass.write(Buffer.from('Subject: bench\r\n\r\n'));
  const before = process.cpuUsage();
  let bytes = 0;
  while (bytes < BODY_BYTES) {
    for (let at = 0; at < block.length; at += CHUNK_BYTES) {
      const chunk = block.subarray(at, at + CHUNK_BYTES);
      pass.write(chunk);
      bytes += chunk.length;
    }
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  return { bytesPerSecond: bytes / seconds, repairs: pass.repairs().slice(4).join(', ') };
}

for (const [name, piece] of Object.entries(BODIES)) {
  const { bytesPerSecond, repairs } = measure(piece);
  const resident = Math.round(process.memoryUsage.rss() / MIB);
  const speed = `${Math.round(bytesPerSecond / 1e6)} MB/s`;
  console.log([name.padEnd(28), speed.padStart(10), `${resident} MiB`.padStart(9), repairs].join('  '));
}
