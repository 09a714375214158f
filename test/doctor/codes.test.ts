/** Each code of the diagnosis is declared, given by a check, and expected by a test that provokes it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseAst } from 'vitest/node';
import { PROBLEMS } from '../../src/doctor/problems.ts';

const ROOM = path.resolve(import.meta.dirname, '../../src/doctor');
const TABLE = './problems.ts';

interface Node {
  type: string;
  [part: string]: unknown;
}

interface Source {
  name: string;
  program: Node;
}

function sources(folder: string, ending: string): Source[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => {
      const text = readFileSync(path.join(folder, name), 'utf8');
      return { name, program: parseAst(text, { lang: 'ts' }) as unknown as Node };
    });
}

function isNode(part: unknown): part is Node {
  return typeof part === 'object' && part !== null && 'type' in part && typeof part.type === 'string';
}

/** The node and all below it, but for those below what `stopsAt` says. */
function* nodesOf(node: Node, stopsAt: (node: Node) => boolean = () => false): Generator<Node> {
  if (stopsAt(node)) return;
  yield node;
  for (const part of Object.values(node).flat()) if (isNode(part)) yield* nodesOf(part, stopsAt);
}

const nameOf = (node: unknown) => (isNode(node) && node.type === 'Identifier' ? String(node['name']) : null);

/** What the file calls the table; null where it does not import it. */
function tableName({ program }: Source): string | null {
  const specifiers = [...nodesOf(program)].flatMap((node) => {
    const from = node['source'];
    const isOfTable = node.type === 'ImportDeclaration' && isNode(from) && from['value'] === TABLE;
    return isOfTable ? [node['specifiers']].flat() : [];
  });
  const [named] = specifiers.filter((each) => isNode(each) && nameOf(each['imported']) === 'PROBLEMS');
  return isNode(named) ? nameOf(named['local']) : null;
}

/** Rows of the table that the file gives. Each is named where it is given, else nobody could tell. */
function rowsGiven(source: Source): string[] {
  const table = tableName(source);
  if (table === null) return [];
  const nodes = [...nodesOf(source.program, ({ type }) => type === 'ImportDeclaration')];
  const uses = nodes.filter((node) => nameOf(node) === table);
  const rows = nodes
    .filter(
      ({ type, object, computed }) => type === 'MemberExpression' && !computed && nameOf(object) === table,
    )
    .map(({ property }) => nameOf(property) ?? '');
  expect(uses, `${source.name}: every use of the table names its row`).toHaveLength(rows.length);
  return rows;
}

const LITERALS = ['Literal', 'TemplateLiteral'];

/** Codes that are written out where they are given; those handed on are of other tables. */
function codesWritten({ name, program }: Source): string[] {
  return [...nodesOf(program)]
    .filter(({ type, key }) => type === 'Property' && nameOf(key) === 'code')
    .filter(({ value }) => isNode(value) && [...nodesOf(value)].some(({ type }) => LITERALS.includes(type)))
    .map(({ start }) => `${name}:${start}`);
}

const room = sources(ROOM, '.ts').filter(({ name }) => name !== path.basename(TABLE));
/** Details don't matter here. */
const codes = Object.values(PROBLEMS).map((row: (...details: never[]) => { code: string }) => row().code);

test('no two rows have the same code', () => {
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
});

test('each row of the table is given by a check', () => {
  const given = new Set(room.flatMap(rowsGiven));
  expect(Object.keys(PROBLEMS).filter((row) => !given.has(row))).toEqual([]);
});

test('no check gives a code that the table does not declare', () => {
  expect(room.flatMap(codesWritten)).toEqual([]);
});

test('each code is expected by a test of this folder, which provokes it by the check itself', () => {
  // What is expected not to come proves nothing.
  const isNegated = ({ type, property }: Node) => type === 'MemberExpression' && nameOf(property) === 'not';
  const isOfNegated = (node: Node) =>
    node.type === 'CallExpression' &&
    isNode(node['callee']) &&
    isNode(node['callee']['object']) &&
    isNegated(node['callee']['object']);
  const texts = new Set(
    sources(import.meta.dirname, '.test.ts').flatMap(({ program }) =>
      [...nodesOf(program, isOfNegated)].flatMap(({ type, value }) => (type === 'Literal' ? [value] : [])),
    ),
  );
  expect(codes.filter((code) => !texts.has(code))).toEqual([]);
});
