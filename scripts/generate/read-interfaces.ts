/** Reads the keys of an interface out of a source file, with their comments: for references of what is only a type. */
import { readFileSync } from 'node:fs';

export interface Field {
  name: string;
  type: string;
  isOptional: boolean;
  /** Empty where there is none. */
  comment: string;
}

/**
 * The keys of `name` in the text of `file`, which is formatted by the project's formatter.
 * @throws where there is no such interface, or a line of it is not understood.
 */
export function readInterface(file: string, name: string): Field[] {
  const text = readFileSync(file, 'utf8');
  const start = new RegExp(`^export interface ${name} \\{\\n`, 'm').exec(text);
  if (start === null) throw new Error(`${file} has no interface ${name}`);
  const from = start.index + start[0].length;
  const lines = text.slice(from, text.indexOf('\n}', from)).split('\n');
  return readFields(lines, `${file}: ${name}`);
}

function readFields(lines: readonly string[], where: string): Field[] {
  const fields: Field[] = [];
  let comment = '';
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at]?.trim() ?? '';
    const note = /^\/\*\* (.*) \*\/$/.exec(line)?.[1];
    if (note !== undefined) {
      comment = note;
      continue;
    }
    let whole = line;
    // A group over several lines ends where its brackets do.
    while (!isWhole(whole) && at + 1 < lines.length) {
      at += 1;
      whole += ` ${lines[at]?.trim() ?? ''}`;
    }
    fields.push(readField(whole, comment, where));
    comment = '';
  }
  return fields;
}

function isWhole(text: string): boolean {
  return text.endsWith(';') && text.split('{').length === text.split('}').length;
}

function readField(text: string, comment: string, where: string): Field {
  const [, name, mark, type] = /^'?([\w.-]+)'?(\??): (.*);$/.exec(text) ?? [];
  if (name === undefined || type === undefined) throw new Error(`${where}: "${text}" is not understood`);
  const inner = [...type.matchAll(/\/\*\* (.*?) \*\//g)].map(([, note]) => note).join(' ');
  return {
    ...{ name, isOptional: mark === '?' },
    type: type.replace(/ ?\/\*\* .*? \*\//g, '').replace(/;? \}/g, ' }'),
    comment: [comment, inner].filter((part) => part !== '').join(' '),
  };
}
