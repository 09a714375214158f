/** Notices over an upstream that is nobody's simulation: Postfix refuses a scan, and takes the notice. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LOGIN, type PostfixSite, scanFrom, startPostfixSite } from '../flows/support/upstream.ts';
import { readByPython } from './support.ts';

const GONE = 'gone@contoso.com';
let site: PostfixSite;
beforeAll(async () => {
  site = await startPostfixSite({ recipientReplies: { [GONE]: '550 5.1.1 No such mailbox' } });
});
afterAll(() => site.stop());

test('a scan that Postfix refuses is told by a report that Postfix takes', async () => {
  const agent = await site.startAgent({ lines: 'notices: { to: [it@contoso.com] }\n' });
  try {
    const id = await scanFrom(agent, { to: [GONE] });
    const [notice] = await site.postfix.sink.waitFor(1);
    expect(notice).toMatchObject({ sender: LOGIN.user, recipients: ['it@contoso.com'] });
    const report = await readByPython(notice?.raw ?? Buffer.alloc(0));
    expect(report.defects).toEqual([]);
    expect(report.type).toBe('multipart/report');
    const [, recipient] = report.parts[1]?.parts ?? [];
    expect(recipient?.headers).toMatchObject({
      'final-recipient': `rfc822; ${GONE}`,
      action: 'failed',
      status: '5.1.1',
      'diagnostic-code': expect.stringMatching(/^smtp; 550 5\.1\.1 .*No such mailbox/),
    });
    expect(report.parts[0]?.text).toContain(`scanferry queue retry ${id}`);
    // The report of the failed scan is the only one: Postfix itself has nothing to bounce.
    expect(site.postfix.sink.messages).toHaveLength(1);
  } finally {
    await agent.stop();
  }
});
