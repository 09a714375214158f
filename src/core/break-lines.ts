/** Breaks a text between its words. */

/** Lines of at most `columns` characters; a word that is longer has one of its own. */
export function breakLines(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** Fits beside a prompt in most terminals, and in a mail that quotes it. */
export const TEXT_COLUMNS = 100;

/** Breaks a sentence so that each line, its indent included, has at most `width` columns, and no more than a reader follows. */
export function wrapText(text: string, indent: number, width = TEXT_COLUMNS): string {
  const lines = breakLines(text, Math.min(width, TEXT_COLUMNS) - indent);
  return lines.map((line) => `${' '.repeat(indent)}${line}`).join('\n');
}
