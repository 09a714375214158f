/** The last rows of the table: what RFC 5321 says of a reply that no row above knows. */
import type { ReplyRow } from './reply-row.ts';

const ADVICE_READ = 'Read the reply, it is kept word for word in the history.';

export const GENERAL_ROWS: readonly ReplyRow[] = [
  {
    id: 'sign-in-refused-other',
    stages: ['auth'],
    when: [{ codes: '5xx' }],
    action: 'pause',
    scope: 'route',
    cause: 'The other side refused the sign-in.',
    advice: ADVICE_READ,
    source: 'RFC 4954 section 6',
  },
  {
    id: 'session-refused',
    stages: ['connect', 'ehlo', 'auth'],
    when: [{ codes: '4xx' }, { codes: '5xx' }],
    action: 'back-off',
    scope: 'route',
    cause: 'The other side takes no session from this box at the moment.',
    advice: ADVICE_READ,
    source: 'RFC 5321 sections 3.1 and 4.2.1',
  },
  {
    id: 'closing',
    when: [{ codes: [421] }],
    action: 'back-off',
    scope: 'message',
    cause: 'The other side is closing down for the moment.',
    advice: 'Nothing to do, it is tried again.',
    source: 'RFC 5321 section 3.8',
  },
  {
    id: 'recipient-refused',
    stages: ['rcpt'],
    when: [{ codes: '5xx' }],
    action: 'fail',
    scope: 'recipient',
    cause: 'The other side refused the recipient for good.',
    advice: ADVICE_READ,
    source: 'RFC 5321 section 4.2.1',
  },
  {
    id: 'refused',
    when: [{ codes: '5xx' }],
    action: 'fail',
    scope: 'message',
    cause: 'The other side refused the message for good.',
    advice: ADVICE_READ,
    source: 'RFC 5321 section 4.2.1',
  },
  {
    id: 'deferred',
    when: [{ codes: '4xx' }],
    action: 'back-off',
    scope: 'recipient',
    cause: 'The other side asks to try again later.',
    advice: 'Nothing to do, it is tried again.',
    source: 'RFC 5321 section 4.2.1',
  },
  {
    id: 'unreadable',
    when: [{}],
    action: 'back-off',
    scope: 'message',
    cause: 'The answer of the other side was no reply that SMTP knows.',
    advice: 'Check host and port of the route; it is tried again.',
    source: 'RFC 5321 section 4.2',
  },
];
