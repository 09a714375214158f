/**
 * The template as Zabbix reads it, and what it makes of a value.
 *
 * Facts from the Zabbix 6.0 manual: "Template export" (fields), "Item value preprocessing" and its JSONPath, "Trigger
 * expression" and "Supported functions". Preprocessing in JavaScript runs in Duktape, which knows ECMAScript 5.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import vm from 'node:vm';
import { parse } from 'yaml';
import { PACKAGING } from './guarded-broker.ts';

export interface Step {
  type: string;
  parameters: string[];
  error_handler?: string;
  error_handler_params?: string;
}

export interface Item {
  uuid: string;
  name: string;
  type: 'ZABBIX_ACTIVE' | 'DEPENDENT';
  key: string;
  value_type: 'FLOAT' | 'UNSIGNED' | 'CHAR' | 'TEXT';
  preprocessing?: Step[];
  master_item?: { key: string };
  valuemap?: { name: string };
}

export interface Trigger {
  uuid: string;
  name: string;
  expression: string;
  dependencies?: { name: string; expression: string }[];
}

export interface Rule {
  uuid: string;
  type: string;
  key: string;
  item_prototypes: Item[];
  trigger_prototypes: Trigger[];
  master_item: { key: string };
  preprocessing: Step[];
}

export interface Template {
  uuid: string;
  template: string;
  groups: { name: string }[];
  items: Item[];
  discovery_rules: Rule[];
  macros: { macro: string; value?: string; type?: string }[];
  valuemaps: { uuid: string; name: string; mappings: { value: string }[] }[];
}

export interface Export {
  version: string;
  groups: { uuid: string; name: string }[];
  templates: Template[];
  triggers: Trigger[];
}

export async function readTemplate(): Promise<{ exported: Export; template: Template }> {
  const file = path.join(PACKAGING, 'zabbix/scanferry-site.yaml');
  // Looked at field by field by the tests.
  const { zabbix_export: exported } = parse(await readFile(file, 'utf8')) as { zabbix_export: Export };
  const [template] = exported.templates;
  if (template === undefined) throw new Error('no template');
  return { exported, template };
}

/** Macros of the host, and those of the template where it sets none. */
export function withMacros(text: string, template: Template, host: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{\$[A-Z.]+\}/g, (macro) => {
    const value = host[macro] ?? template.macros.find((each) => each.macro === macro)?.value;
    if (value === undefined) throw new Error(`macro without a value: ${macro}`);
    return value;
  });
}

/** Null where the value is discarded. */
export function preprocess(steps: readonly Step[], value: string): string | null {
  let current = value;
  for (const step of steps) {
    const next = stepOf(step, current);
    if (next === null && step.error_handler === 'CUSTOM_VALUE') return step.error_handler_params ?? '';
    if (next === null && step.error_handler === 'DISCARD_VALUE') return null;
    if (next === null)
      throw new Error(`${step.type} ${step.parameters.join()} fails on ${current.slice(0, 200)}`);
    current = next;
  }
  return current;
}

function stepOf({ type, parameters }: Step, value: string): string | null {
  switch (type) {
    case 'JSONPATH':
      return jsonPath(value, parameters[0] ?? '');
    case 'BOOL_TO_DECIMAL':
      return { true: '1', false: '0' }[value] ?? null;
    case 'JAVASCRIPT':
      return String(vm.runInNewContext(`(function (value) {${parameters[0]}})`)(value));
    // What it lets through is as it was.
    case 'DISCARD_UNCHANGED_HEARTBEAT':
      return value;
    default:
      throw new Error(`unknown step ${type}`);
  }
}

/** Names with dots and numbers in brackets: all that the template uses. Null where there is nothing. */
function jsonPath(text: string, expression: string): string | null {
  if (!/^\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d+\])+$/.test(expression))
    throw new Error(`JSONPath ${expression}`);
  let value: unknown = JSON.parse(text);
  for (const step of expression.slice(1).match(/[A-Za-z0-9_]+/g) ?? []) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return null;
    // Checked on the line above to be there.
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const SUFFIXES: Record<string, number> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
};

/** Items that an expression looks at. */
export function keysIn(expression: string, template: Template): string[] {
  const host = `/${template.template}/`;
  // A key may have quoted commas and brackets: it ends where a comma or the bracket of the function follows its own.
  return [
    ...expression.matchAll(
      /\b(?:last|min|max|nodata)\(\/([^/]+)\/((?:[a-z.]+)(?:\[(?:"[^"]*"|[^\]"])*\])?)/g,
    ),
  ].map(([, of, key = '']) => {
    if (`/${of}/` !== host) throw new Error(`another host: ${of}`);
    return key;
  });
}

/**
 * Whether a trigger fires, when each item has had its value for long and comes still.
 * @param values by item key; an item without one makes the trigger unknown, which does not fire.
 */
export function isFiring(expression: string, values: ReadonlyMap<string, string>): boolean {
  let isKnown = true;
  const plain = expression.replaceAll(
    /\b(last|min|max|nodata)\(\/[^/]+\/((?:[a-z.]+)(?:\[(?:"[^"]*"|[^\]"])*\])?)(?:,[^)]*)?\)/g,
    (_, name: string, key: string) => {
      if (name === 'nodata') return '0';
      const value = values.get(key);
      if (value === undefined) isKnown = false;
      return value === undefined || Number.isNaN(Number(value)) ? JSON.stringify(value ?? '') : value;
    },
  );
  const script = plain
    .replaceAll(
      /\b(\d+)([smhdKMG])\b/g,
      (_, number: string, unit: string) => `${Number(number) * (SUFFIXES[unit] ?? 1)}`,
    )
    .replaceAll(/<>/g, '!==')
    .replaceAll(/(?<![<>!=])=(?!=)/g, '===')
    .replaceAll(/\band\b/g, '&&')
    .replaceAll(/\bor\b/g, '||');
  return isKnown && Boolean(vm.runInNewContext(script));
}
