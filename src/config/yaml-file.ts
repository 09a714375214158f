/** Reads a YAML file and remembers on which line each key stands. */
import { type Document, isMap, isPair, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { describeError } from '../core/log.ts';
import { type ConfigPath, type ConfigProblem, formatKey } from './problems.ts';
import { sortTabErrors } from './yaml-tabs.ts';

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
  const problemOn = (line: number | null, message: string): ConfigProblem => ({
    ...{ severity: 'error', file, line },
    ...{ key: formatKey([]), message },
  });
  const problemAt = (offset: number | null, message: string): ConfigProblem =>
    problemOn(offset === null ? null : lines.linePos(offset).line, message);
  const cannotBeRead = (detail: string) => `the YAML can't be read: ${detail}`;
  const { tabs, others } = sortTabErrors(text, document.errors, lines);
  const errors = [
    ...(tabs === null ? [] : [problemOn(tabs.line, tabs.message)]),
    ...others.map(({ pos, message }) => problemAt(pos[0], cannotBeRead(message))),
    ...unknownAliases(document).map((offset) => problemAt(offset, UNKNOWN_ALIAS)),
  ];
  const warnings = document.warnings.map(
    ({ pos, message }): ConfigProblem => ({
      ...problemAt(pos[0], cannotBeRead(message)),
      severity: 'warning',
    }),
  );
  let data: unknown;
  try {
    if (errors.length === 0) data = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    errors.push(problemAt(null, cannotBeRead(describeError(error))));
  }
  return { data, problems: [...errors, ...warnings], lineOf };
}

/** The text itself is not told: it may be a password. */
const UNKNOWN_ALIAS =
  'what begins with * stands for another place of the file, marked with &, and there is none; put a text of your own in quotes';

/** Where aliases of nothing stand, which is what an unquoted `*.contoso.com` is. */
function unknownAliases(document: Document.Parsed): (number | null)[] {
  const offsets: (number | null)[] = [];
  visit(document, {
    Alias(_, node) {
      if (node.resolve(document) === undefined) offsets.push(node.range?.[0] ?? null);
    },
  });
  return offsets;
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
