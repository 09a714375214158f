/** A text as part of a regular expression. */

/** Escapes what has a meaning there (RegExp.escape is not in Node.js 22). */
export function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
