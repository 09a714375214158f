/** Short lists in which each thing stands once. */

/** `known` and what `more` has beside it; `known` itself where that is nothing, as it nearly always is. */
export function union<T>(known: T[], more: readonly T[]): T[] {
  if (more.length === 0) return known;
  const fresh = more.filter((one, at) => !known.includes(one) && more.indexOf(one) === at);
  return fresh.length === 0 ? known : [...known, ...fresh];
}
