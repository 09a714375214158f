/** smtp-server and nodemailer with nothing between them: the floor under what an agent made of them can reach. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { createTestCertificates } from '../../test/support/certificates.ts';
import { freePort, startProcess, waitForPort } from '../../test/support/processes.ts';
import { type Place, type Subject, UPSTREAM_CONNECTIONS } from './subject.ts';

const PROGRAM = path.join(import.meta.dirname, 'libraries-server.ts');

export async function startLibraries({ folder, upstreamPort, caFile }: Place): Promise<Subject> {
  await mkdir(folder, { recursive: true });
  const authority = await createTestCertificates({ names: ['libraries.contoso.com'], directory: folder });
  const { certFile, keyFile } = await authority.server('valid');
  const port = await freePort();
  const server = startProcess(process.execPath, [
    ...[PROGRAM, String(port), String(upstreamPort), caFile],
    ...[certFile, keyFile, String(UPSTREAM_CONNECTIONS)],
  ]);
  await waitForPort('127.0.0.1', port);
  return { name: 'Libraries alone', pid: server.pid, port, stop: () => server.stop() };
}
