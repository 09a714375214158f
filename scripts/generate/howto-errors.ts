/** Renders docs/howto/read-an-error.md: the reply table for people, sorted by what they have to do. */
import { REPLY_TABLE } from '../../src/routes/replies.ts';
import type { ReplyAction, ReplyPattern, ReplyRow } from '../../src/routes/reply-row.ts';

interface Group {
  title: string;
  intro: string;
  actions: ReplyAction[];
}

const GROUPS: Group[] = [
  {
    title: 'Somebody has to change something',
    intro:
      'The route is paused, nothing is lost, and no try is spent: what waits goes by the next route of its rule, or when this is mended. `scanferry routes resume ID` tries at once.',
    actions: ['fix'],
  },
  {
    title: 'The route waits',
    intro: 'It is paused, and tried again by itself; some of these also need you.',
    actions: ['pause'],
  },
  {
    title: 'One device or sender is stopped',
    intro:
      'The message is held, because trying on would make Microsoft slow down the whole mailbox. When it is mended: `scanferry queue release ID`.',
    actions: ['hold'],
  },
  {
    title: 'One message or recipient has failed',
    intro:
      'The others went. The scan is kept for `spool.failedKeepDays` days: `scanferry queue retry ID` sends it again.',
    actions: ['fail'],
  },
  {
    title: 'Nothing to do',
    intro: 'It passes: the box tries again by itself, or sends the rest in an envelope of their own.',
    actions: ['back-off', 'split'],
  },
];

export function renderReadAnError(): string {
  return [
    '# Read an error',
    '',
    'A reply of Microsoft 365 has a code of three digits, mostly an enhanced code such as 5.7.139, and a text. The code alone',
    'often tells little: 5.7.139 has five causes, which only the text tells apart. The box has looked the reply up already:',
    '',
    '```',
    'scanferry status               # why a route is paused, and until when',
    'scanferry queue show ID        # every attempt with the verbatim reply, the cause, and what to do',
    'scanferry history --state failed',
    '```',
    '',
    'Below is what it knows, sorted by what you have to do. The first row that fits counts; the order of all rows and their',
    'sources are in [replies](../reference/replies.md), what the box itself says in [errors](../reference/errors.md).',
    '',
    ...GROUPS.flatMap(renderGroup),
  ].join('\n');
}

function renderGroup({ title, intro, actions }: Group): string[] {
  const rows = REPLY_TABLE.filter(({ action }) => actions.includes(action));
  return [
    `## ${title}`,
    '',
    intro,
    '',
    '| The reply says | What it means | What to do |',
    '|---|---|---|',
    ...rows.map(renderRow),
    '',
  ];
}

function renderRow({ when, cause, advice }: ReplyRow): string {
  const cells = [when.map(sayPattern).join('<br>or '), cause, advice];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function sayPattern({ codes, enhanced, text }: ReplyPattern): string {
  const code = typeof codes === 'string' ? `any ${codes}` : codes?.join(', ');
  const said = text === undefined ? undefined : `“${plain(text.source)}”`;
  const parts = [code, enhanced?.map((each) => each.replace('-', ' to ')).join(', '), said];
  const given = parts.filter((part) => part !== undefined);
  return given.length === 0 ? 'anything else' : given.join(' ');
}

/** A pattern as somebody would say it: what may stand in between is an ellipsis, a choice is an "or". */
function plain(source: string): string {
  return source
    .replace(/\\b|\^|\$/g, '')
    .replace(/\\s[+*]?/g, ' ')
    .replace(/\[\^[^\]]*\][+*]|\.[+*]\??/g, ' … ')
    .replace(/\(\?[:!=<]?|[()]/g, '')
    .replace(/\[([^\]]*)\]/g, '$1')
    .replace(/\\d[+*]?/g, 'N')
    .replace(/\\(.)/g, '$1')
    .replace(/\?/g, '')
    .replace(/\|/g, '” or “')
    .replace(/ +/g, ' ')
    .trim();
}
