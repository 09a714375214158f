/** A broker that lies: it answers CONNECT as told and then does only what the test says. */
import { createServer, type Server, type Socket } from 'node:net';

export interface ScriptedBroker {
  readonly url: string;
  /** Protocol levels of the CONNECT packets that came (4 is 3.1.1, 5 is 5). */
  readonly levels: number[];
  /** Bytes that have come since the CONNECTs. */
  bytesReceived(): number;
  /** Resolves when so many CONNECT packets have come. */
  connects(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** `answer` gets the protocol level of a CONNECT and returns the bytes to send back; null closes the connection. */
export async function startScriptedBroker(
  answer: (level: number, socket: Socket) => Buffer | null | undefined,
): Promise<ScriptedBroker> {
  const levels: number[] = [];
  const sockets = new Set<Socket>();
  let received = 0;
  let arrival = Promise.withResolvers<void>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', (packet: Buffer) => {
      const level = levelOf(packet);
      levels.push(level);
      arrival.resolve();
      arrival = Promise.withResolvers();
      socket.on('data', (more: Buffer) => {
        received += more.length;
      });
      const reply = answer(level, socket);
      if (reply === null) socket.end();
      else if (reply !== undefined) socket.write(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    levels,
    bytesReceived: () => received,
    async connects(count) {
      while (levels.length < count) await arrival.promise;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Variable header of CONNECT: two bytes of length, `MQTT`, the level (MQTT 3.1.1 section 3.1.2). */
function levelOf(packet: Buffer): number {
  const name = packet.indexOf('MQTT');
  return packet.readUInt8(name + 4);
}

export const CONNACK_3 = Buffer.from([0x20, 2, 0, 0]);
export const CONNACK_5 = Buffer.from([0x20, 3, 0, 0, 0]);
/** Unacceptable protocol version, as a broker of 3.1.1 says it. */
export const CONNACK_VERSION = Buffer.from([0x20, 2, 0, 1]);
