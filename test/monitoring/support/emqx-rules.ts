/**
 * Reads an access list of EMQX and asks it, as EMQX says it does.
 *
 * Facts from emqx/emqx-docs, en_US/access-control/authz/{file,authz}.md: tuples of Erlang that end with a full stop, `%%`
 * starts a comment; rules are asked from the top, the first that fits decides; `${username}` is replaced; a topic of a
 * rule may have wildcards, and for `subscribe` must cover the filter that is asked for.
 */

/** An Erlang term: an atom is `{ atom }`, a string is text, a tuple is `{ tuple }`, a list is an array. */
type Term = string | { atom: string } | { tuple: Term[] } | Term[];

export interface EmqxRule {
  permission: 'allow' | 'deny';
  isWho(user: string): boolean;
  action: 'publish' | 'subscribe' | 'all';
  /** Null means any topic. */
  topics: string[] | null;
}

export interface EmqxQuestion {
  user: string;
  action: 'publish' | 'subscribe';
  /** Of a subscription a filter. */
  topic: string;
}

/** What no rule fits is denied: the file asks for no_match = deny, and ends with a rule that says so. */
export function isAllowed(rules: readonly EmqxRule[], { user, action, topic }: EmqxQuestion): boolean {
  const fitting = rules.find(
    (rule) =>
      rule.isWho(user) &&
      (rule.action === 'all' || rule.action === action) &&
      (rule.topics === null || rule.topics.some((pattern) => isCovered(pattern, user, topic))),
  );
  return fitting?.permission === 'allow';
}

export function readRules(text: string): EmqxRule[] {
  return readTerms(text).map(ruleOf);
}

function ruleOf(term: Term): EmqxRule {
  const [permission, who, action, topics] = tupleOf(term);
  const name = atomOf(permission);
  if (name !== 'allow' && name !== 'deny') throw new Error(`no permission: ${name}`);
  const verb = action === undefined ? 'all' : atomOf(action);
  if (verb !== 'publish' && verb !== 'subscribe' && verb !== 'all') throw new Error(`no action: ${verb}`);
  if (topics !== undefined && !Array.isArray(topics)) throw new Error('topics are no list');
  return {
    ...{ permission: name, action: verb, isWho: whoOf(who) },
    topics: topics?.map(textOf) ?? null,
  };
}

function whoOf(term: Term | undefined): EmqxRule['isWho'] {
  if (term !== undefined && typeof term === 'object' && 'atom' in term && term.atom === 'all')
    return () => true;
  const [kind, value] = tupleOf(term);
  if (atomOf(kind) !== 'username' || value === undefined)
    throw new Error(`unknown client: ${JSON.stringify(term)}`);
  if (typeof value === 'string') return (user) => user === value;
  const [re, pattern] = tupleOf(value);
  if (atomOf(re) !== 're') throw new Error(`unknown name: ${JSON.stringify(value)}`);
  const expression = new RegExp(textOf(pattern));
  return (user) => expression.test(user);
}

const USER_NAME = '$' + '{username}';

/** A placeholder without a value fits nothing. */
function isCovered(pattern: string, user: string, topic: string): boolean {
  if (pattern.includes(USER_NAME) && user === '') return false;
  const levels = pattern.replaceAll(USER_NAME, user).split('/');
  const asked = topic.split('/');
  for (const [index, level] of levels.entries()) {
    if (level === '#') return true;
    const word = asked[index];
    if (word === undefined || word === '#') return false;
    if (level !== '+' && level !== word) return false;
  }
  return levels.length === asked.length;
}

/** Each term ends with a full stop. */
function readTerms(text: string): Term[] {
  const tokens =
    text.replaceAll(/%.*$/gm, '').match(/"(?:[^"\\]|\\.)*"|[a-z][a-zA-Z0-9_]*|[{}[\],.]|\S+/g) ?? [];
  const terms: Term[] = [];
  while (tokens.length > 0) {
    terms.push(readTerm(tokens));
    if (tokens.shift() !== '.') throw new Error('a rule without its full stop');
  }
  return terms;
}

function readTerm(tokens: string[]): Term {
  const token = tokens.shift() ?? '';
  if (token === '{') return { tuple: readUntil(tokens, '}') };
  if (token === '[') return readUntil(tokens, ']');
  if (token.startsWith('"')) return token.slice(1, -1).replaceAll(/\\(.)/g, '$1');
  if (/^[a-z]/.test(token)) return { atom: token };
  throw new Error(`unexpected: ${token}`);
}

function readUntil(tokens: string[], end: string): Term[] {
  const terms = [readTerm(tokens)];
  for (;;) {
    const token = tokens.shift();
    if (token === end) return terms;
    if (token !== ',') throw new Error(`expected a comma, not ${token}`);
    terms.push(readTerm(tokens));
  }
}

function tupleOf(term: Term | undefined): Term[] {
  if (term === undefined || typeof term === 'string' || !('tuple' in term))
    throw new Error('expected a tuple');
  return term.tuple;
}

function atomOf(term: Term | undefined): string {
  if (term === undefined || typeof term === 'string' || !('atom' in term))
    throw new Error('expected an atom');
  return term.atom;
}

function textOf(term: Term | undefined): string {
  if (typeof term !== 'string') throw new Error('expected a text');
  return term;
}
