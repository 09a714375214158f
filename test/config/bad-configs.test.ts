/** Each folder of test/config/bad is one broken config and the problems it must be refused with. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';

const ROOT = path.join(import.meta.dirname, 'bad');

describe('a broken config is refused with its line, key and what was expected', () => {
  test.each(readdirSync(ROOT).sort())('%s', (name) => {
    const folder = path.join(ROOT, name);
    const { config, problems } = checkConfig({
      file: path.join(folder, 'scanferry.yaml'),
      dataDir: '/nonexistent/scanferry',
      env: { TEST_PASSWORD: 'not printed anywhere' },
      profileIds: ['generic/plain'],
    });
    const said = problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, '')).join('\n');
    expect(`${said}\n`).toBe(readFileSync(path.join(folder, 'expected.txt'), 'utf8'));
    expect(config).toBeNull();
    expect(said).not.toContain('not printed anywhere');
  });
});
