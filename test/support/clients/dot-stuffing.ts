/** Dot-stuffing for the client programs that leave it to their user (RFC 5321 section 4.5.2). */

const DOT = Buffer.from('.');
const LINE_THEN_DOT = '\r\n.';

/** The bytes between DATA and the final CRLF: stuffed, ended by a line end, then the lone dot. */
export function dataUpToFinalDot(message: Buffer): Buffer {
  const pieces: Buffer[] = message.subarray(0, 1).equals(DOT) ? [DOT] : [];
  let from = 0;
  for (let at = message.indexOf(LINE_THEN_DOT); at >= 0; at = message.indexOf(LINE_THEN_DOT, at + 2)) {
    pieces.push(message.subarray(from, at + 2), DOT);
    from = at + 2;
  }
  pieces.push(message.subarray(from));
  if (!message.subarray(-2).equals(Buffer.from('\r\n'))) pieces.push(Buffer.from('\r\n'));
  return Buffer.concat([...pieces, DOT]);
}
