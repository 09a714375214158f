/** The wire side of a simulated device: connects, reads replies, writes commands, notes both, secrets masked. */
import { createHmac } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type SecureVersion, type TLSSocket } from 'node:tls';
import { describeError } from '../core/log.ts';
import type { TlsFacts } from '../core/message.ts';
import { createWire, type Wire } from './wire.ts';

export interface DeviceReply {
  code: number;
  /** Every line, code included. */
  text: string;
}

export interface DeviceClient {
  /** Reads one reply, continuation lines included. */
  read(): Promise<DeviceReply>;
  /** Sends a line and reads its reply; `shown` replaces it in the transcript where it holds a secret. */
  command(line: string, shown?: string): Promise<DeviceReply>;
  write(bytes: Buffer | string): Promise<void>;
  /** Speaks TLS from here on, in the versions given or those of the device. */
  secure(versions?: { min: SecureVersion; max: SecureVersion }): Promise<void>;
  tls(): TlsFacts | null;
  transcript: string[];
  close(): void;
}

export interface DeviceTls {
  max: SecureVersion;
  /** `nothing`, as old copiers do, or the name the certificate must carry and the authority it must chain to. */
  verify: 'nothing' | { name: string; ca: string };
}

/** Opens the connection; with `implicit`, TLS comes first. */
export async function connectDevice(options: {
  host: string;
  port: number;
  localAddress?: string;
  implicit: boolean;
  tls: DeviceTls;
  timeoutMs: number;
  /** Where its lines are noted; one of its own when left out. */
  transcript?: string[];
}): Promise<DeviceClient> {
  const { transcript = [] } = options;
  const raw = connectTcp({
    host: options.host,
    port: options.port,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
  });
  raw.setTimeout(options.timeoutMs, () => raw.destroy(new Error(`nothing came for ${options.timeoutMs} ms`)));
  await settled(raw, 'connect');
  let socket: Socket = raw;
  let facts: TlsFacts | null = null;
  let wire: Wire | null = options.implicit ? null : createWire(raw);

  async function secure(versions?: { min: SecureVersion; max: SecureVersion }): Promise<void> {
    wire?.detach();
    const { verify } = options.tls;
    const upgraded: TLSSocket = connectTls({
      socket: raw,
      minVersion: versions?.min ?? 'TLSv1',
      maxVersion: versions?.max ?? options.tls.max,
      // OpenSSL 3 speaks TLS 1.0 and 1.1 at security level 0 only.
      ciphers: 'ALL:@SECLEVEL=0',
      rejectUnauthorized: verify !== 'nothing',
      ...(verify === 'nothing' ? {} : { servername: verify.name, ca: verify.ca }),
    });
    await settled(upgraded, 'secureConnect');
    socket = upgraded;
    wire = createWire(upgraded);
    facts = { protocol: upgraded.getProtocol() ?? 'unknown', cipher: upgraded.getCipher().name };
    transcript.push(`-- ${facts.protocol} ${facts.cipher}`);
  }

  if (options.implicit) await secure();

  async function read(): Promise<DeviceReply> {
    const lines: string[] = [];
    for (;;) {
      const line = await wire?.readLine();
      if (line?.kind !== 'line') throw new Error(wire?.failure() ?? 'the connection was closed');
      lines.push(line.text);
      transcript.push(`S: ${line.text}`);
      if (line.text[3] !== '-') return { code: Number(line.text.slice(0, 3)), text: lines.join('\n') };
    }
  }

  return {
    transcript,
    read,
    secure,
    tls: () => facts,
    write: async (bytes) => wire?.write(bytes),
    async command(line, shown) {
      transcript.push(`C: ${shown ?? line}`);
      await wire?.write(`${line}\r\n`);
      return read();
    },
    close: () => {
      socket.destroy();
      raw.destroy();
    },
  };
}

/** The response of CRAM-MD5 (RFC 2195 section 2). */
export function cramMd5Response(challenge: string, user: string, password: string): string {
  const digest = createHmac('md5', password).update(Buffer.from(challenge, 'base64')).digest('hex');
  return Buffer.from(`${user} ${digest}`).toString('base64');
}

function settled(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error('the connection was closed'));
    const onError = (error: Error) => reject(new Error(describeError(error), { cause: error }));
    socket.once('close', onClose);
    socket.once('error', onError);
    socket.once(event, () => {
      socket.off('close', onClose);
      socket.off('error', onError);
      resolve();
    });
  });
}
