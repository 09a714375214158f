/** Debian's Postfix with its defaults, in folders of its own: takes mail as the agent does, and relays it over verified TLS. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestCertificates } from '../../test/support/certificates.ts';
import { freePort, startProcess, waitForPort } from '../../test/support/processes.ts';
import { MESSAGE_BYTES_MAX, type Place, type Subject, UPSTREAM_CONNECTIONS } from './subject.ts';

/** Stops Postfix and removes its folder when this process ends, however it ends. */
const GUARD = fileURLToPath(new URL('../../test/support/postfix-guard.sh', import.meta.url));
const AS_ROOT = process.getuid?.() === 0 ? [] : ['sudo', '-n'];

export async function startPostfix(place: Place): Promise<Subject> {
  const { folder } = place;
  const etc = path.join(folder, 'etc');
  await mkdir(etc, { recursive: true });
  // Postfix's daemons run as a user of their own.
  await chmod(folder, 0o755);
  const port = await freePort();
  const certificates = path.join(folder, 'certificates');
  await mkdir(certificates);
  const authority = await createTestCertificates({ names: ['postfix.contoso.com'], directory: certificates });
  const { certFile, keyFile } = await authority.server('valid');
  await writeFile(path.join(etc, 'main.cf'), mainCf(place, { certFile, keyFile }));
  await writeFile(path.join(etc, 'master.cf'), masterCf(port));
  const [program = 'sh', ...rest] = [...AS_ROOT, 'sh', GUARD, folder];
  const guard = startProcess(program, rest, { endsWithItsInput: true });
  const stop = async () => {
    guard.stdin.end();
    await guard.waitForExit();
  };
  try {
    guard.stdin.write('start\n');
    await guard.waitForLine(/^ready$/);
    await waitForPort('127.0.0.1', port);
    const pid = Number((await readFile(path.join(folder, 'queue/pid/master.pid'), 'utf8')).trim());
    return { name: 'Postfix', pid, port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Debian's defaults, with what the work needs: where to relay, which TLS, and room for a large scan. */
function mainCf(
  { folder, upstreamPort, caFile }: Place,
  { certFile, keyFile }: { certFile: string; keyFile: string },
): string {
  const parameters = {
    compatibility_level: '3.6',
    config_directory: `${folder}/etc`,
    queue_directory: `${folder}/queue`,
    data_directory: `${folder}/data`,
    maillog_file: `${folder}/log/mail.log`,
    maillog_file_prefixes: folder,
    myhostname: 'postfix.contoso.com',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    mydestination: '',
    alias_maps: '',
    alias_database: '',
    mynetworks: '127.0.0.0/8',
    // No name server is asked by either side.
    smtpd_peername_lookup: 'no',
    message_size_limit: String(MESSAGE_BYTES_MAX),
    // The way out: the chain and the name are verified, as the agent always does.
    relayhost: `[localhost]:${upstreamPort}`,
    smtp_host_lookup: 'native',
    smtp_tls_security_level: 'secure',
    smtp_tls_CAfile: caFile,
    smtp_tls_mandatory_protocols: '>=TLSv1.2',
    smtp_tls_session_cache_database: `btree:${folder}/data/smtp_scache`,
    default_destination_concurrency_limit: String(UPSTREAM_CONNECTIONS),
    // The way in: OpenSSL 3 signs TLS 1.0 handshakes with SHA-1, which security level 1 and above forbids.
    smtpd_tls_security_level: 'may',
    smtpd_tls_cert_file: certFile,
    smtpd_tls_key_file: keyFile,
    smtpd_tls_protocols: '>=TLSv1',
    smtpd_tls_ciphers: 'medium',
    tls_medium_cipherlist: 'ALL:@SECLEVEL=0',
  };
  return Object.entries(parameters)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');
}

/** Debian's services as far as this work uses them, none in a chroot, every process limit at its default of 100. */
function masterCf(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}
