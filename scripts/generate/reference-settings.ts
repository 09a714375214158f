/** Renders docs/reference/settings.md from the config schema. */
import type * as z from 'zod';
import { configSchema } from '../../src/config/schema.ts';

interface Row {
  key: string;
  type: string;
  fallback: string;
  text: string;
}

export function renderSettings(): string {
  const rows = rowsOf(configSchema(), '');
  return [
    '# Settings',
    '',
    'Every key of `scanferry.yaml`. Unknown keys are errors; `scanferry check` names each problem with its line.',
    'Paths are relative to the config file. A secret is `{ secret: name }` (stored with `scanferry secret set name`),',
    '`{ file: path }` or `{ env: NAME }`.',
    '',
    '| Key | Value | Default | Meaning |',
    '|---|---|---|---|',
    ...rows.map((row) => `| \`${row.key}\` | ${row.type} | ${row.fallback} | ${row.text} |`),
    '',
  ].join('\n');
}

/** One row a key of a schema, those of groups below their own. */
export function rowsOf(schema: z.core.$ZodType, prefix: string): Row[] {
  // The union of zod's internal definitions: narrowing by `type` is how zod itself walks schemas.
  const def = (schema as z.core.$ZodTypes)._zod.def;
  if (def.type === 'object') {
    return Object.entries(def.shape).flatMap(([name, child]) =>
      entry(child, prefix === '' ? name : `${prefix}.${name}`),
    );
  }
  return [];
}

function entry(schema: z.core.$ZodType, key: string): Row[] {
  const { inner, fallback } = unwrap(schema);
  const def = (inner as z.core.$ZodTypes)._zod.def;
  const own: Row = {
    key,
    type: typeOf(inner),
    fallback,
    text: escapeCell(descriptionOf(schema) ?? descriptionOf(inner) ?? ''),
  };
  if (def.type === 'object') return [...(own.text === '' ? [] : [own]), ...rowsOf(inner, key)];
  if (def.type === 'array') {
    const item = unwrap(def.element).inner;
    return [own, ...variants(item, `${key}[]`)];
  }
  if (isKinds(inner)) return [own, ...variants(inner, key)];
  return [own];
}

/** A list of groups that differ by `kind` gets the keys of each kind. */
function variants(schema: z.core.$ZodType, key: string): Row[] {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  if (def.type === 'object') return rowsOf(schema, key);
  if (!isKinds(schema) || def.type !== 'union') return [];
  return def.options.flatMap((option) => rowsOf(option, `${key}(${kindOf(option)})`));
}

function isKinds(schema: z.core.$ZodType): boolean {
  return (schema as z.core.$ZodTypes)._zod.def.type === 'union' && 'discriminator' in schema._zod.def;
}

function kindOf(option: z.core.$ZodType): string {
  const def = (option as z.core.$ZodTypes)._zod.def;
  const kind = def.type === 'object' ? def.shape['kind'] : undefined;
  return [...(kind?._zod.values ?? [])].map(String).join('|');
}

function unwrap(schema: z.core.$ZodType): { inner: z.core.$ZodType; fallback: string } {
  let inner = schema;
  let fallback = 'required';
  for (;;) {
    const def = (inner as z.core.$ZodTypes)._zod.def;
    if (def.type === 'default' || def.type === 'prefault') {
      const value = def.defaultValue;
      const isGroup =
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.keys(value).length === 0;
      fallback = isGroup ? '' : `\`${JSON.stringify(value)}\``;
    } else if (def.type === 'optional') fallback = 'none';
    else return { inner, fallback };
    inner = def.innerType;
  }
}

function typeOf(schema: z.core.$ZodType): string {
  const mark = 'meta' in schema && typeof schema.meta === 'function' ? schema.meta()?.resolve : undefined;
  if (mark === 'secret') return 'secret';
  if (mark === 'file') return 'path';
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'enum':
      return Object.values(def.entries).map(String).join(', ');
    case 'literal':
      return def.values.map(String).join(', ');
    case 'object':
      return 'group';
    case 'array':
      return `list of ${typeOf(unwrap(def.element).inner)}`;
    case 'union':
      return isKinds(schema)
        ? `group, by \`kind\`: ${def.options.map(kindOf).join(', ')}`
        : [...new Set(def.options.map(typeOf))].join(' or ');
    case 'string':
      return 'format' in def
        ? String(def.format).replace('regex', 'text').replace('email', 'e-mail address')
        : 'text';
    default:
      return def.type;
  }
}

function descriptionOf(schema: z.core.$ZodType): string | undefined {
  return 'description' in schema && typeof schema.description === 'string' ? schema.description : undefined;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
