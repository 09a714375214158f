/** The process that makes certificates once and ends: what it needs for that, a box needs about once a year. */
import { readFileSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { describeError } from '../core/log.ts';
import { issueCertificates } from './issue-certificates.ts';
import { REQUEST_FD } from './issuer-request.ts';

async function main(): Promise<void> {
  try {
    const made = await issueCertificates(deserialize(readFileSync(REQUEST_FD)));
    writeFileSync(process.stdout.fd, serialize(made));
  } catch (error) {
    process.stderr.write(describeError(error));
    process.exitCode = 1;
  }
}

void main();
