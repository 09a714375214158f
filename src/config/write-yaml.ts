/** Writes plain data as YAML, with the comments that belong above its keys. */
import { Document, isMap, isScalar, type Node } from 'yaml';

/** @param comments above the key of that name at the top, without `#`. */
export function renderYaml(data: unknown, comments: Record<string, string> = {}): string {
  const document = new Document(data);
  if (isMap(document.contents)) {
    document.contents.items.forEach((pair, index) => {
      const key = isScalar(pair.key)
        ? (pair.key as Node & { value: unknown; commentBefore?: string; spaceBefore?: boolean })
        : null;
      const comment = key === null ? undefined : comments[String(key.value)];
      if (key === null || comment === undefined) return;
      key.commentBefore = comment
        .split('\n')
        .map((line) => ` ${line}`)
        .join('\n');
      key.spaceBefore = index > 0;
    });
  }
  return document.toString({ lineWidth: 110 });
}
