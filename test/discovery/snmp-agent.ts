/** A small SNMP v1 and v2c agent: answers GET from a table, over a real UDP socket. */
import dgram from 'node:dgram';
import { once } from 'node:events';

export interface SnmpAgentOptions {
  address: string;
  port: number;
  /** OID to text. */
  values: Readonly<Record<string, string>>;
  objectId: string;
  /** Changes what goes out; null sends nothing. */
  spoil?(answer: Buffer): Buffer | null;
  /** v1 agents refuse a whole question for one name they don't have (RFC 1157 section 4.1.2), and know no v2c. */
  isOld?: boolean;
}

export interface SnmpAgent {
  questions(): number;
  close(): void;
}

const SYS_OBJECT_ID = '1.3.6.1.2.1.1.2.0';
const TAG = {
  integer: 0x02,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  response: 0xa2,
  absent: 0x80,
};
const NO_SUCH_NAME = 2;

export async function startSnmpAgent(options: SnmpAgentOptions): Promise<SnmpAgent> {
  const socket = dgram.createSocket('udp4');
  let questions = 0;
  socket.on('message', (message, from) => {
    questions += 1;
    const answer = respond(message, options);
    const sent = answer === null ? null : (options.spoil ?? ((bytes) => bytes))(answer);
    if (sent !== null) socket.send(sent, from.port, from.address, () => {});
  });
  socket.bind(options.port, options.address);
  await once(socket, 'listening');
  return { questions: () => questions, close: () => socket.close() };
}

function respond(message: Buffer, { values, objectId, isOld = false }: SnmpAgentOptions): Buffer | null {
  const [envelope] = readAll(message);
  const [version, community, pdu] = readAll(envelope?.body ?? Buffer.alloc(0));
  if (version === undefined || community === undefined || pdu === undefined) return null;
  if (isOld && version.body[0] !== 0) return null;
  const [id, , , binds] = readAll(pdu.body);
  if (id === undefined || binds === undefined) return null;
  const names = readAll(binds.body).flatMap((bind) => readAll(bind.body).slice(0, 1));
  const found = names.map(({ body }) => answerFor(decodeOid(body), values, objectId));
  const missing = found.indexOf(null);
  const isRefused = version.body[0] === 0 && missing >= 0;
  const rows = names.map(({ body }, index) =>
    write(
      TAG.sequence,
      write(TAG.oid, body),
      isRefused ? write(TAG.null) : (found[index] ?? write(TAG.absent)),
    ),
  );
  const status = [isRefused ? NO_SUCH_NAME : 0, isRefused ? missing + 1 : 0];
  return write(
    TAG.sequence,
    write(TAG.integer, version.body),
    write(TAG.octets, community.body),
    write(
      TAG.response,
      write(TAG.integer, id.body),
      ...status.map((number) => write(TAG.integer, Buffer.of(number))),
      write(TAG.sequence, ...rows),
    ),
  );
}

function answerFor(oid: string, values: Readonly<Record<string, string>>, objectId: string): Buffer | null {
  if (oid === SYS_OBJECT_ID) return write(TAG.oid, encodeOid(objectId));
  const text = values[oid];
  return text === undefined ? null : write(TAG.octets, Buffer.from(text));
}

interface Element {
  tag: number;
  body: Buffer;
}

function readAll(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = bytes[at + 1] ?? 0;
    const extra = short < 0x80 ? 0 : short - 0x80;
    const length = extra === 0 ? short : bytes.readUIntBE(at + 2, extra);
    const start = at + 2 + extra;
    found.push({ tag: bytes[at] ?? 0, body: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}

function write(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function decodeOid(bytes: Buffer): string {
  const arcs: number[] = [];
  let value = 0;
  for (const byte of bytes) {
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (arcs.length === 0)
      arcs.push(Math.min(Math.floor(value / 40), 2), value - Math.min(Math.floor(value / 40), 2) * 40);
    else arcs.push(value);
    value = 0;
  }
  return arcs.join('.');
}

function encodeOid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return Buffer.from([first * 40 + second, ...rest].flatMap(encodeArc));
}

function encodeArc(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
    digits.unshift((left & 0x7f) | 0x80);
  return digits;
}
