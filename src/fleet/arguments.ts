/** Arguments of a command as people write them: `name=value`. */
import { OperatorError } from '../core/errors.ts';
import { PROBLEMS } from './problems.ts';

/**
 * Numbers, `true`, `false`, and JSON in brackets or quotes are taken as such, the rest is text; `name=@file` is the
 * text of a file where `readFile` is given.
 * @throws OperatorError for a word without a name, or one that is given twice.
 */
export function readArguments(
  words: readonly string[],
  readFile: ((file: string) => string) | null,
): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  for (const word of words) {
    const [, name, value] = /^([A-Za-z][\w-]*)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || value === undefined || Object.hasOwn(args, name)) {
      throw new OperatorError(PROBLEMS.argumentInvalid(word), { exitCode: 2 });
    }
    args[name] = value.startsWith('@') && readFile !== null ? readFile(value.slice(1)) : parseValue(value);
  }
  return args;
}

function parseValue(text: string): unknown {
  if (!/^(true|false|null|-?\d+(\.\d+)?|[[{"].*)$/s.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON after all, such as [urgent]: then it is text.
    return text;
  }
}
