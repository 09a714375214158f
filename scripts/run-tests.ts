/** Runs every test with vitest and ends on the plain line `N passed, N failed`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** What vitest leaves out when it ends before the first test: then nothing passed, and that is a failure. */
const NO_REPORT: Report = {
  numPassedTests: 0,
  numFailedTests: 1,
  numPendingTests: 0,
  success: false,
};

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  success: boolean;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-tests-'));
const reportFile = path.join(folder, 'report.json');
try {
  const child = spawn(
    'vitest',
    [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
      ...process.argv.slice(2),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const [code] = await once(child, 'exit');
  const report = readReport();
  const skipped = report.numPendingTests === 0 ? '' : `, ${report.numPendingTests} skipped`;
  // A file that can't be loaded has no tests to count, yet it failed.
  const failed = Math.max(report.numFailedTests, code === 0 ? 0 : 1);
  console.log(`${report.numPassedTests} passed, ${failed} failed${skipped}`);
  process.exitCode = code === 0 && report.success ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function readReport(): Report {
  return existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as Report) : NO_REPORT;
}
