/** Replaces paths and secret references by what they stand for, wherever the schema marks them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type * as z from 'zod';
import { isMissing } from '../core/errors.ts';
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
const UNRESOLVED = Symbol('unresolved');

/** Returns `raw` with every marked value resolved. What can't be is reported and becomes UNRESOLVED. */
export function resolveMarked(schema: z.core.$ZodType, raw: unknown, context: ResolveContext): unknown {
  return walk(schema, raw, [], {
    file: (value, at) => resolveFile(value, at, context),
    secret: (value, at) => resolveSecret(value, at, context),
    unknown: (value) => value,
  });
}

/** What becomes of the values on the way through a raw config. */
export interface ConfigVisitor {
  /** A key that holds a path. */
  file(raw: unknown, at: ConfigPath): unknown;
  /** A key that holds a secret, or where to find one. */
  secret(raw: unknown, at: ConfigPath): unknown;
  /** What the schema has no place for. */
  unknown(raw: unknown, at: ConfigPath): unknown;
}

/** `raw` with each value that the visitor cares for replaced; `raw` may be no valid config. */
export function walk(schema: z.core.$ZodType, raw: unknown, at: ConfigPath, visitor: ConfigVisitor): unknown {
  const mark = markOf(schema);
  if (raw !== undefined && mark === 'file') return visitor.file(raw, at);
  if (raw !== undefined && mark === 'secret') return visitor.secret(raw, at);
  const inner = innerOf(schema);
  if (inner !== null) return walk(inner, raw, at, visitor);
  const def = defOf(schema);
  switch (def.type) {
    case 'object':
      return isRecord(raw) ? walkObject(def.shape, raw, at, visitor) : visitor.unknown(raw, at);
    case 'array':
      return Array.isArray(raw)
        ? raw.map((item, index) => walk(def.element, item, [...at, index], visitor))
        : orUnknown(raw, at, visitor);
    case 'union': {
      const option = optionFor(def.options, raw);
      if (option !== undefined) return walk(option, raw, at, visitor);
      return def.options.some(isGroup) ? visitor.unknown(raw, at) : orUnknown(raw, at, visitor);
    }
    default:
      return orUnknown(raw, at, visitor);
  }
}

/** The union of zod's internal definitions: narrowing by `type` is how zod itself walks schemas. */
function defOf(schema: z.core.$ZodType) {
  return (schema as z.core.$ZodTypes)._zod.def;
}

/** What a schema stands around that only says what is to be where nothing is given. */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType | null {
  const def = defOf(schema);
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
      return def.innerType;
    default:
      return null;
  }
}

function isGroup(schema: z.core.$ZodType): boolean {
  return defOf(schema).type === 'object';
}

/** Groups that fit no part of the schema; a plain value is what its key says. */
function orUnknown(raw: unknown, at: ConfigPath, visitor: ConfigVisitor): unknown {
  return isRecord(raw) ? visitor.unknown(raw, at) : raw;
}

function walkObject(
  shape: Readonly<Record<string, z.core.$ZodType>>,
  raw: Record<string, unknown>,
  at: ConfigPath,
  visitor: ConfigVisitor,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => {
      // A key that every object has, such as constructor, is none of the schema.
      const schema = Object.hasOwn(shape, key) ? shape[key] : undefined;
      const place = [...at, key];
      return [
        key,
        schema === undefined ? visitor.unknown(value, place) : walk(schema, value, place, visitor),
      ];
    }),
  );
}

/** The option of a union by its `kind`, the only discriminator the config has. */
function optionFor(options: readonly z.core.$ZodType[], raw: unknown): z.core.$ZodType | undefined {
  if (!isRecord(raw)) return undefined;
  return options.find((option) => {
    const def = defOf(option);
    if (def.type !== 'object') return false;
    const kind = def.shape['kind'];
    const values = kind?._zod.values;
    return values !== undefined && [...values].includes(raw['kind'] as string);
  });
}

/** The keys that the group at `at` may have; `raw` says which option of a union it is. */
export function keysAt(schema: z.core.$ZodType, raw: unknown, at: ConfigPath): string[] {
  const inner = innerOf(schema);
  if (inner !== null) return keysAt(inner, raw, at);
  const def = defOf(schema);
  switch (def.type) {
    case 'union': {
      const option = optionFor(def.options, raw) ?? def.options.find(isGroup);
      return option === undefined ? [] : keysAt(option, raw, at);
    }
    case 'object': {
      const [key, ...rest] = at;
      if (key === undefined) return Object.keys(def.shape);
      const next = Object.hasOwn(def.shape, key) ? def.shape[String(key)] : undefined;
      return next === undefined || !isRecord(raw) ? [] : keysAt(next, raw[String(key)], rest);
    }
    case 'array': {
      const [index, ...rest] = at;
      return Array.isArray(raw) ? keysAt(def.element, raw[Number(index)], rest) : [];
    }
    default:
      return [];
  }
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
    context.problem('error', at, unreadableFile(file, error));
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
    return { problem: unreadableFile(file, error) };
  }
}

function unreadableFile(file: string, error: unknown): string {
  return isMissing(error)
    ? `there is no file ${file}; put it there, or correct the path`
    : `the file ${file} can't be read: ${describeError(error)}`;
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
