/** HTML as a tagged template that escapes whatever is put into it; only what this made is put in as it is. */

/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

/** What may stand in a template: nothing for null, undefined and false; lists one after the other. */
export type Insertable = Html | string | number | null | undefined | false | readonly Insertable[];

const MADE = new WeakSet<object>();

/** `html\`<td title="${name}">${name}</td>\``: attributes must be quoted, as `'` and `"` are escaped alike. */
export function html(strings: TemplateStringsArray, ...values: readonly Insertable[]): Html {
  let text = strings[0] ?? '';
  values.forEach((value, index) => {
    text += insert(value) + (strings[index + 1] ?? '');
  });
  return mark(text);
}

function insert(value: Insertable): string {
  if (value === null || value === undefined || value === false) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  if (isList(value)) return value.map(insert).join('');
  // An object of this shape that came from outside, such as out of JSON, is not ours.
  if (!MADE.has(value)) throw new TypeError('only the html template makes HTML');
  return value.html;
}

function isList(value: Insertable): value is readonly Insertable[] {
  return Array.isArray(value);
}

function mark(text: string): Html {
  const made = Object.freeze({ html: text });
  MADE.add(made);
  return made;
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);
}

/** A sentence for people in which commands stand between backticks. */
export function prose(text: string): Html {
  return html`${text.split('`').map((part, index) => (index % 2 === 0 ? part : html`<code>${part}</code>`))}`;
}

/** A style sheet inside a page: our own text, with nothing put into it. */
export function rawStyle(strings: TemplateStringsArray): Html {
  return mark(strings[0] ?? '');
}
