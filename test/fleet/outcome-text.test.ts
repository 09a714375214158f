/** What a person reads of a command that was sent to a site. */
import { describe, expect, test } from 'vitest';
import { outcomeText } from '../../src/fleet/outcome-text.ts';
import type { SiteOutcome } from '../../src/fleet/send.ts';

const succeeded = (result: unknown): SiteOutcome => ({
  site: 'berlin-hq',
  state: 'succeeded',
  result,
  why: null,
});
const fine = { group: 'box', name: 'disk', grade: 'ok', text: '7 GB of 9 GB free', why: null };
const broken = {
  ...{ group: 'network', name: 'MX of contoso.com', grade: 'fail', text: 'not found\u001b[2J' },
  why: { code: 'x', cause: 'The domain does not exist.', advice: 'Check the spelling.' },
};

describe('doctor', () => {
  test('of a site that is well is one line', () => {
    const text = outcomeText(succeeded({ grade: 'ok', lines: [fine, fine], leftOff: 3 }), 'doctor');
    expect(text).toBe('berlin-hq  doctor succeeded: ok, 5 lines');
  });

  test('tells what is not well, with cause and cure, and nothing that a terminal obeys', () => {
    const text = outcomeText(succeeded({ grade: 'fail', lines: [broken, fine], leftOff: 0 }), 'doctor');
    expect(text.split('\n')).toEqual([
      'berlin-hq  doctor succeeded: fail, 1 of 2 lines',
      '  FAIL  MX of contoso.com: not found [2J',
      '        The domain does not exist.',
      '        Check the spelling.',
    ]);
  });

  test('in a shape of another version is shown as it came, escaped', () => {
    expect(outcomeText(succeeded({ lines: '\u001b' }), 'doctor')).toBe(
      'berlin-hq  doctor succeeded  {"lines":"\\u001b"}',
    );
  });
});

test('any other command shows its result, and a failure its cause and cure', () => {
  expect(outcomeText(succeeded({ changed: 2 }), 'flush')).toBe('berlin-hq  flush succeeded  {"changed":2}');
  expect(outcomeText(succeeded(null), 'restart')).toBe('berlin-hq  restart succeeded');
  const why = { code: 'x', cause: 'It is late.', advice: 'Be early.' };
  expect(outcomeText({ site: 'a', state: 'failed', result: null, why }, 'flush')).toBe(
    'a  flush failed: It is late. Be early.',
  );
});
