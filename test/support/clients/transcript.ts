/** Reads the dialogue that a client program prints and finds the reply that decided. */

export interface TranscriptMarks {
  /** Matches a line from the server; group 1 is the line as it came. */
  reply: RegExp;
  /** Matches the line where the client says QUIT; what follows decides nothing. */
  quit: RegExp;
}

/** The last reply before QUIT: its lines joined by a line feed and its code. */
export function lastReply(
  transcript: string,
  marks: TranscriptMarks,
): { reply: string; code: number | null } {
  let lines: string[] = [];
  let isComplete = true;
  for (const line of transcript.split(/\r*\n/)) {
    if (marks.quit.test(line)) break;
    const text = marks.reply.exec(line)?.[1];
    if (text === undefined) continue;
    lines = isComplete ? [text] : [...lines, text];
    isComplete = /^\d{3}(?: |$)/.test(text);
  }
  const code = Number.parseInt(lines.at(-1) ?? '', 10);
  return { reply: lines.join('\n'), code: Number.isNaN(code) ? null : code };
}

/** First group of the last match, or null. */
export function lastMatch(text: string, pattern: RegExp): string | null {
  return [...text.matchAll(new RegExp(pattern, 'gm'))].at(-1)?.[1] ?? null;
}
