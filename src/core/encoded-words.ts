/** Text of other letters in header fields: encoded words (RFC 2047). */

/** 39 bytes become 52 characters, and with charset and marks 64: a short field name fits beside it in 76. */
const WORD_BYTES = 39;

/** As many encoded words as the text needs, parted by blanks where the field may be folded. */
export function encodeWords(text: string): string {
  const words: string[] = [];
  let current = '';
  for (const character of text) {
    if (Buffer.byteLength(current + character) > WORD_BYTES) {
      words.push(current);
      current = '';
    }
    current += character;
  }
  words.push(current);
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join(' ');
}
