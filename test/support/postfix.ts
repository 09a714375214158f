/** A real Postfix of the test's own: private folders, loopback only, STARTTLS and implicit TLS, SASL, a sink behind it. */
import { chmod, mkdir, mkdtemp, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createTestCertificates, type TestCertificates } from './certificates.ts';
import { type LmtpSink, startLmtpSink } from './lmtp-sink.ts';
import {
  fixedParameters,
  mainCf,
  masterCf,
  POSTFIX_DEFAULTS,
  type PostfixPlace,
  type PostfixSettings,
  saslConf,
  switchedParameters,
} from './postfix-config.ts';
import { freePort, runOrThrow, startProcess } from './processes.ts';

export interface PostfixLogin {
  /** A mailbox such as scanner@contoso.com. */
  user: string;
  password: string;
}

export interface PostfixOptions extends Partial<PostfixSettings> {
  /** Host name in the greeting and the certificate. Default smtp.contoso.com. */
  host?: string;
  logins?: readonly PostfixLogin[];
  /** SASL mechanisms in EHLO. Default PLAIN LOGIN. */
  mechanisms?: readonly string[];
}

export interface Postfix {
  readonly host: string;
  readonly address: string;
  /** Submission port, with STARTTLS. */
  readonly port: number;
  /** TLS from the first byte. */
  readonly implicitPort: number;
  /** The authority that signed the valid certificate. */
  readonly certificates: TestCertificates;
  /** Where everything it accepts ends. */
  readonly sink: LmtpSink;
  /** Changes switches and returns when new connections see them; sessions that are open keep what they had. */
  reconfigure(changes: Partial<PostfixSettings>): Promise<void>;
  /** Postfix's own log so far. */
  log(): Promise<string>;
  /** Ends every process and removes every file. Stopping twice is harmless. */
  stop(): Promise<void>;
}

const ADDRESS = '127.0.0.1';
const GUARD = fileURLToPath(new URL('./postfix-guard.sh', import.meta.url));
const RECONFIGURE_LIMIT_MS = 10_000;
const GREETING_LIMIT_MS = 2_000;
const PROBE_PAUSE_MS = 20;
const COLD_FILE_TIME = new Date('2020-01-01T00:00:00Z');
/** Postfix needs root for its own user and chroot handling; a developer's shell gets there by sudo. */
const AS_ROOT = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
/** Postfix's programs live in sbin, which is not in every user's PATH. */
const SBIN_PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

/**
 * Starts Postfix; afterwards it accepts connections with the settings asked for.
 * @throws with Postfix's own words when it does not start.
 */
export async function startPostfix(options: PostfixOptions = {}): Promise<Postfix> {
  const { host = 'smtp.contoso.com', logins = [], mechanisms = ['PLAIN', 'LOGIN'], ...changes } = options;
  const sink = await startLmtpSink();
  const directory = await mkdtemp(join(tmpdir(), 'scanferry-postfix-'));
  const [program = GUARD, ...rest] = [...AS_ROOT, 'sh', GUARD, directory];
  const guard = startProcess(program, rest, { endsWithItsInput: true });
  const place: PostfixPlace = {
    directory,
    host,
    address: ADDRESS,
    port: await freePort(ADDRESS),
    implicitPort: await freePort(ADDRESS),
    sinkPort: sink.port,
  };
  const stop = async () => {
    guard.stdin.end();
    await guard.waitForExit();
    await sink.stop();
  };

  try {
    await makeFolders(place);
    const certificates = await createTestCertificates({
      names: [host],
      addresses: [ADDRESS],
      directory: join(directory, 'certificates'),
    });
    let settings: PostfixSettings = { ...POSTFIX_DEFAULTS, ...changes };
    let generation = 0;
    const applySettings = async (activate: () => Promise<unknown>) => {
      generation += 1;
      const certificate = await certificates.server(settings.certificate);
      await writeMainCf(place, switchedParameters(settings, certificate, generation));
      await activate();
      await waitForGeneration(place, generation);
    };

    await writeLogins(directory, logins, mechanisms);
    await applySettings(() => {
      guard.stdin.write('start\n');
      return guard.waitForLine(/^ready$/);
    });

    return {
      host,
      address: ADDRESS,
      port: place.port,
      implicitPort: place.implicitPort,
      certificates,
      sink,
      async reconfigure(more) {
        settings = { ...settings, ...more };
        await applySettings(() => asRoot(['postfix', '-c', `${directory}/etc`, 'reload']));
      },
      log: () => logOf(place),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function logOf(place: PostfixPlace): Promise<string> {
  return readFile(`${place.directory}/log/mail.log`, 'utf8');
}

async function makeFolders(place: PostfixPlace): Promise<void> {
  // mkdtemp makes the folder private; Postfix's daemons run as a user of their own.
  await chmod(place.directory, 0o755);
  await mkdir(join(place.directory, 'etc'));
  await mkdir(join(place.directory, 'certificates'));
  await writeFile(join(place.directory, 'etc', 'master.cf'), masterCf(place));
}

/**
 * Writes main.cf as a whole and dates it back: a Postfix program that finds the file changed within the last
 * two seconds sleeps until it is older (src/util/dict.c, dict_load_file_xt).
 */
async function writeMainCf(place: PostfixPlace, switched: Record<string, string>): Promise<void> {
  const file = join(place.directory, 'etc', 'main.cf');
  const draft = `${file}.draft`;
  await writeFile(draft, mainCf({ ...fixedParameters(place), ...switched }));
  await utimes(draft, COLD_FILE_TIME, COLD_FILE_TIME);
  await rename(draft, file);
}

async function writeLogins(
  directory: string,
  logins: readonly PostfixLogin[],
  mechanisms: readonly string[],
): Promise<void> {
  const sasl = join(directory, 'etc', 'sasl');
  const database = join(sasl, 'sasldb2');
  await mkdir(sasl);
  await writeFile(join(sasl, 'smtpd.conf'), saslConf(directory, mechanisms));
  for (const { user, password } of logins) {
    const [name = '', realm = ''] = user.split('@');
    // -p reads the password from standard input, so it is in no process list.
    await runOrThrow('saslpasswd2', ['-c', '-p', '-f', database, '-u', realm, name], {
      input: password,
      env: { PATH: SBIN_PATH },
    });
    await chmod(database, 0o644);
  }
}

function asRoot(command: string[]): Promise<string> {
  const [program = '', ...rest] = [...AS_ROOT, ...command];
  return runOrThrow(program, rest, { env: { PATH: SBIN_PATH } });
}

/**
 * Waits until new connections are greeted with this generation. An smtpd process that was idle during the
 * reload drops its next connection without a greeting, so two in a row are asked for.
 */
async function waitForGeneration(place: PostfixPlace, generation: number): Promise<void> {
  const deadline = performance.now() + RECONFIGURE_LIMIT_MS;
  const wanted = `settings ${generation}\r\n`;
  for (let seen = 0; seen < 2; ) {
    const isThere = (await greetingFrom(place)).endsWith(wanted);
    seen = isThere ? seen + 1 : 0;
    if (isThere) continue;
    if (performance.now() > deadline) {
      throw new Error(`Postfix did not take up its settings; its log: ${await logOf(place)}`);
    }
    await pause(PROBE_PAUSE_MS);
  }
}

/** The greeting line; empty when the connection is refused or dropped. */
function greetingFrom(place: PostfixPlace): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: place.address, port: place.port });
    const finish = (greeting: string) => {
      socket.end('QUIT\r\n');
      socket.setTimeout(0);
      resolve(greeting);
    };
    // An smtpd that fails at its start leaves the connection in master's queue, where nobody answers.
    socket.setTimeout(GREETING_LIMIT_MS, () => {
      finish('');
      socket.destroy();
    });
    socket.once('data', (line) => finish(line.toString('latin1')));
    socket.once('close', () => resolve(''));
    socket.on('error', () => finish(''));
  });
}
