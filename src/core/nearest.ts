/** Finds the word that somebody meant who made a slip in typing it. */

/** The candidate nearest to `word`; null where none is so near that it was surely meant. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const slipsMax = Math.max(1, Math.floor(word.length / 4));
  let best: { candidate: string; slips: number } | null = null;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > slipsMax) continue;
    const slips = slipsBetween(word.toLowerCase(), candidate.toLowerCase());
    if (slips <= slipsMax && slips < (best?.slips ?? slipsMax + 1)) best = { candidate, slips };
  }
  return best?.candidate ?? null;
}

/** Letters to add, drop, change or swap with their neighbour until one is the other (optimal string alignment). */
function slipsBetween(one: string, other: string): number {
  let before: number[] = [];
  let above = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const line = [row];
    for (let column = 1; column <= other.length; column++) {
      const changed = at(above, column - 1) + (one[row - 1] === other[column - 1] ? 0 : 1);
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      const swapped = isSwapped ? at(before, column - 2) + 1 : changed;
      line.push(Math.min(at(above, column) + 1, at(line, column - 1) + 1, changed, swapped));
    }
    [before, above] = [above, line];
  }
  return at(above, other.length);
}

function at(line: readonly number[], column: number): number {
  return line[column] ?? Number.POSITIVE_INFINITY;
}
