/** Replaces paths and secret references by what they stand for, wherever the schema marks them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type * as z from 'zod';
import { describeError } from '../core/log.ts';
import { createSecret, type Secret } from '../core/secret.ts';
import type { FileText } from '../core/settings.ts';
import type { ConfigPath } from './problems.ts';

export interface ResolveContext {
  /** Folder that relative paths start from: the one of the config file. */
  baseDir: string;
  env: Record<string, string | undefined>;
  /** Reads the box's encrypted store; undefined when it has no such name. */
  readSecret(name: string): string | undefined;
  problem(severity: 'error' | 'warning', path: ConfigPath, message: string): void;
  /** Told every file that the config names, whether it can be read or not. */
  onFile?(file: string): void;
}

/** A key whose problem has been reported; the schema must not report it again. */
export const UNRESOLVED = Symbol('unresolved');

/** Returns `raw` with every marked value resolved. What can't be is reported and becomes UNRESOLVED. */
export function resolveMarked(schema: z.core.$ZodType, raw: unknown, context: ResolveContext): unknown {
  return walk(schema, raw, [], context);
}

function walk(schema: z.core.$ZodType, raw: unknown, at: ConfigPath, context: ResolveContext): unknown {
  const mark = markOf(schema);
  if (raw !== undefined && mark === 'file') return resolveFile(raw, at, context);
  if (raw !== undefined && mark === 'secret') return resolveSecret(raw, at, context);
  // The union of zod's internal definitions: narrowing by `type` is how zod itself walks schemas.
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
      return walk(def.innerType, raw, at, context);
    case 'object':
      return isRecord(raw) ? walkObject(def.shape, raw, at, context) : raw;
    case 'array':
      return Array.isArray(raw)
        ? raw.map((item, index) => walk(def.element, item, [...at, index], context))
        : raw;
    case 'union': {
      const option = optionFor(def.options, raw);
      return option === undefined ? raw : walk(option, raw, at, context);
    }
    default:
      return raw;
  }
}

function walkObject(
  shape: Readonly<Record<string, z.core.$ZodType>>,
  raw: Record<string, unknown>,
  at: ConfigPath,
  context: ResolveContext,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => {
      const schema = shape[key];
      return [key, schema === undefined ? value : walk(schema, value, [...at, key], context)];
    }),
  );
}

/** The option of a union by its `kind`, the only discriminator the config has. */
function optionFor(options: readonly z.core.$ZodType[], raw: unknown): z.core.$ZodType | undefined {
  if (!isRecord(raw)) return undefined;
  return options.find((option) => {
    const def = (option as z.core.$ZodTypes)._zod.def;
    if (def.type !== 'object') return false;
    const kind = def.shape['kind'];
    const values = kind?._zod.values;
    return values !== undefined && [...values].includes(raw['kind'] as string);
  });
}

function markOf(schema: z.core.$ZodType): unknown {
  return 'meta' in schema && typeof schema.meta === 'function' ? schema.meta()?.resolve : undefined;
}

function resolveFile(raw: unknown, at: ConfigPath, context: ResolveContext): FileText | typeof UNRESOLVED {
  if (typeof raw !== 'string') {
    context.problem('error', at, `expected the path of a file, but found ${kindOf(raw)}`);
    return UNRESOLVED;
  }
  const file = path.resolve(context.baseDir, raw);
  context.onFile?.(file);
  try {
    return { path: file, text: readFileSync(file, 'utf8') };
  } catch (error) {
    context.problem('error', at, `the file ${file} can't be read: ${describeError(error)}`);
    return UNRESOLVED;
  }
}

function resolveSecret(raw: unknown, at: ConfigPath, context: ResolveContext): Secret | typeof UNRESOLVED {
  if (typeof raw === 'string') {
    context.problem(
      'warning',
      at,
      'the secret stands in the config file itself; store it with `scanferry secret set NAME` and write { secret: NAME }',
    );
    return createSecret(raw);
  }
  const entries = isRecord(raw) ? Object.entries(raw) : [];
  const [kind, name] = entries[0] ?? [];
  if (entries.length !== 1 || typeof name !== 'string' || name === '') {
    context.problem('error', at, 'expected { secret: name }, { file: path } or { env: NAME }');
    return UNRESOLVED;
  }
  const found = lookUp(kind ?? '', name, context);
  if ('problem' in found) {
    context.problem('error', at, found.problem);
    return UNRESOLVED;
  }
  return createSecret(found.value);
}

function lookUp(
  kind: string,
  name: string,
  context: ResolveContext,
): { value: string } | { problem: string } {
  switch (kind) {
    case 'secret': {
      const value = context.readSecret(name);
      return value === undefined
        ? { problem: `the box has no secret named ${name}; store it with \`scanferry secret set ${name}\`` }
        : { value };
    }
    case 'env': {
      const value = context.env[name];
      return value === undefined || value === ''
        ? { problem: `the environment variable ${name} is not set` }
        : { value };
    }
    case 'file': {
      const file = path.resolve(context.baseDir, name);
      context.onFile?.(file);
      return readSecretFile(file);
    }
    default:
      return {
        problem: `expected { secret: name }, { file: path } or { env: NAME }, but found { ${kind}: … }`,
      };
  }
}

/** A trailing newline is the editor's, not the secret's. */
function readSecretFile(file: string): { value: string } | { problem: string } {
  try {
    return { value: readFileSync(file, 'utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    return { problem: `the file ${file} can't be read: ${describeError(error)}` };
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of keys';
  return JSON.stringify(value);
}
