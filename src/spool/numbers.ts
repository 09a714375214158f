/**
 * How rows belong to a message without an index: a child's id is the message's number times 2^16 plus its place.
 *
 * Chunks, recipients and attempts of a message thus lie side by side in their tables, are read as one range, and cost
 * no index page per commit: on an SD card those pages were most of what a small message wrote. Numbers stay below
 * 2^37 messages, so that every id is exact in a double.
 */

/** Rows of one kind that a message may have. */
export const CHILDREN_MAX = 2 ** 16;

/** The id of the child at `place` of message `number`. */
export function childId(number: number, place: number): number {
  if (place < 0 || place >= CHILDREN_MAX) throw new RangeError(`place ${place} is out of range`);
  return number * CHILDREN_MAX + place;
}

/** First and last id that children of message `number` may have. */
export function childRange(number: number): [first: number, last: number] {
  return [number * CHILDREN_MAX, number * CHILDREN_MAX + CHILDREN_MAX - 1];
}

/** The number of the message that the child with this id belongs to. */
export function ownerOf(id: number): number {
  return Math.floor(id / CHILDREN_MAX);
}
