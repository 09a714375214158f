/** `scanferry doctor` on a terminal and for scripts: what it prints, and the exit code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diagnoseAlone } from '../../src/agent/doctor.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import type { DoctorLine } from '../../src/doctor/types.ts';
import { cliRun } from '../support/cli.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-doctor-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OK: DoctorLine = {
  group: 'box',
  name: 'disk',
  grade: 'ok',
  text: '10 GB free',
  why: null,
  detail: ['raw'],
};
const WARN: DoctorLine = {
  ...{ group: 'routes', name: 'mailbox: SPF of contoso.com', grade: 'warn', text: 'none', detail: [] },
  why: { code: 'doctor.spf-missing', cause: 'The domain has no SPF record.', advice: 'Publish this one.' },
};
const FAIL: DoctorLine = {
  ...{ group: 'routes', name: 'mailbox: sign-in', grade: 'fail', text: '535 5.7.139' },
  why: { code: 'reply.smtp-auth-disabled-mailbox', cause: 'It is switched off.', advice: 'Switch it on.' },
  detail: ['535 5.7.139 Authentication unsuccessful'],
};
const BAD_CONFIG: DoctorLine = {
  ...{ group: 'config', name: 'file', grade: 'fail', text: 'wrong', detail: [] },
  why: { code: 'doctor.config-error', cause: 'Line 2 is wrong.', advice: 'Correct it.' },
};

const doctor = (lines: readonly DoctorLine[], ...args: string[]) =>
  cliRun(['--data', folder, ...args], {
    async *diagnoseAlone() {
      yield* lines;
    },
  });

test.each([
  ['all is well', [OK], 0],
  ['there is a warning', [OK, WARN], 1],
  ['something failed', [OK, FAIL], 1],
  ['the config can not be used', [OK, BAD_CONFIG], 2],
] as const)('ends with the right code when %s', async (_, lines, code) => {
  expect((await doctor(lines, 'doctor')).code).toBe(code);
});

test('groups the lines, and says cause, cure and the verbatim reply below what is not well', async () => {
  const { text } = await doctor([OK, FAIL, WARN], 'doctor');
  expect(text).toBe(`Box
  ok    disk: 10 GB free

Microsoft 365
  FAIL  mailbox: sign-in: 535 5.7.139
        It is switched off.
        Switch it on.
        | 535 5.7.139 Authentication unsuccessful
  WARN  mailbox: SPF of contoso.com: none
        The domain has no SPF record.
        Publish this one.

1 failed, 1 warning, 1 ok.`);
});

test('shows what stands behind good lines only when it is asked to', async () => {
  expect((await doctor([OK], 'doctor')).text).not.toContain('raw');
  expect((await doctor([OK], 'doctor', '--details')).text).toContain('        | raw');
});

test('gives scripts the lines as they are, and the worst grade', async () => {
  const { json, code, text } = await doctor([OK, WARN], '--json', 'doctor');
  expect({ json, code, text }).toEqual({ json: { grade: 'warn', lines: [OK, WARN] }, code: 1, text: '' });
});

test('takes groups, and names them all when one does not exist', async () => {
  const { code, text } = await doctor([], 'doctor', '--only', 'printer');
  expect(code).toBe(2);
  expect(text).toContain('Allowed choices are box, config, listeners, spool, network, routes, broker.');
});

test.each([
  ['is not there', 'missing.yaml', null],
  ['is no YAML', 'broken.yaml', 'site: { id: berlin-hq\nroutes: [\n'],
  ['is wrong', 'wrong.yaml', 'site: { id: Wrong Name }\n'],
])('a config that %s is a line like others, and ends with 2', async (_, name, content) => {
  const file = path.join(folder, name);
  if (content !== null) writeFileSync(file, content);
  const { code, text } = await cliRun(['--config', file, 'doctor', '--only', 'box', 'config'], {
    diagnoseAlone: (options, request) =>
      diagnoseAlone({ ...options, profileIds: [], clock: createSystemClock(0) }, request),
  });
  expect(code).toBe(2);
  expect(text).toMatch(/^Box\n {2}ok {4}disk: /);
  expect(text.replace(/\s+/g, ' ')).toMatch(new RegExp(`FAIL file: wrong ${file}[:0-9]* ?: ?error:`));
});
