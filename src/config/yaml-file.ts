/** Reads a YAML file and remembers on which line each key stands. */
import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { type ConfigPath, type ConfigProblem, formatKey } from './problems.ts';

export interface YamlFile {
  /** Plain data, or undefined when the syntax is broken. */
  data: unknown;
  problems: ConfigProblem[];
  /** Line of the nearest key on the way to `path`, 1-based. */
  lineOf(path: ConfigPath): number | null;
}

/** Aliases could otherwise blow a small file up to any size. */
const ALIASES_MAX = 100;

/** Parses `text`; syntax errors and duplicate keys become problems. */
export function readYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const lineOf = (path: ConfigPath): number | null => {
    for (let length = path.length; length >= 0; length--) {
      const offset = offsetOf(document.contents, path.slice(0, length));
      if (offset !== null) return lines.linePos(offset).line;
    }
    return null;
  };
  const problems = [...document.errors, ...document.warnings].map(
    (error): ConfigProblem => ({
      severity: document.errors.some((each) => each === error) ? 'error' : 'warning',
      file,
      line: lines.linePos(error.pos[0]).line,
      key: formatKey([]),
      message: `the YAML can't be read: ${error.message}`,
    }),
  );
  const data = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: ALIASES_MAX });
  return { data, problems, lineOf };
}

function offsetOf(contents: Node | null, path: ConfigPath): number | null {
  let node: unknown = contents;
  let offset: number | null = contents?.range?.[0] ?? null;
  for (const part of path) {
    const step = stepInto(node, part);
    if (step === null) return null;
    node = step.value;
    offset = step.offset;
  }
  return offset;
}

function stepInto(node: unknown, part: PropertyKey): { value: unknown; offset: number } | null {
  if (isMap(node)) {
    const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === part);
    const key = pair?.key;
    return isScalar(key) && key.range ? { value: pair?.value, offset: key.range[0] } : null;
  }
  if (typeof part !== 'number' || typeof node !== 'object' || node === null || !('items' in node))
    return null;
  const items: unknown = node.items;
  const item: unknown = Array.isArray(items) ? items[part] : undefined;
  if (typeof item !== 'object' || item === null || !('range' in item)) return null;
  const range: unknown = item.range;
  return Array.isArray(range) && typeof range[0] === 'number' ? { value: item, offset: range[0] } : null;
}
