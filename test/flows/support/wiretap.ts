/** A TCP relay between the agent and its upstream that notes what crosses in clear, and can get in the way. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Wiretap {
  readonly address: string;
  readonly port: number;
  /** Lines the agent sent outside TLS on all connections so far, in order. */
  clearLines(): string[];
  /** Connections so far. */
  connections(): number;
  /** While true, STARTTLS is taken out of the conversation, as a firewall with SMTP inspection does. */
  stripStarttls: boolean;
  /** Lets `bytes` of a connection through to the upstream and no more; resolves when a connection has come that far. */
  holdAfter(bytes: number): Promise<void>;
  /** Ends every connection, and lets later ones pass again. */
  release(): void;
  /** While false, connections are refused because nobody listens on the port. */
  setListening(isListening: boolean): Promise<void>;
  stop(): Promise<void>;
}

const ADDRESS = '127.0.0.1';
/** TLS record of type handshake (RFC 8446 section 5.1): no SMTP command begins with it. */
const HANDSHAKE = 0x16;
const STARTTLS = 'STARTTLS';
const BLANKED = 'XXXXXXXX';

/** One direction of a connection until TLS begins. */
interface ClearPart {
  text: string;
  isOver: boolean;
}

/** Starts the relay on a free port. */
export async function startWiretap(upstream: { address: string; port: number }): Promise<Wiretap> {
  const clearParts: ClearPart[] = [];
  const sockets = new Set<Socket>();
  let hold: { bytes: number; reached: PromiseWithResolvers<void> } | null = null;
  let server = await listen(0, relay);
  const { port } = portOf(server);

  const tap: Wiretap = {
    address: ADDRESS,
    port,
    stripStarttls: false,
    clearLines: () => clearParts.flatMap(({ text }) => text.split('\r\n').filter((line) => line !== '')),
    connections: () => clearParts.length,
    holdAfter(bytes) {
      hold = { bytes, reached: Promise.withResolvers() };
      return hold.reached.promise;
    },
    release() {
      hold = null;
      destroyAll();
    },
    async setListening(isListening) {
      if (isListening === server.listening) return;
      if (isListening) server = await listen(port, relay);
      else await close();
    },
    stop: close,
  };

  function relay(agent: Socket): void {
    const clear: ClearPart = { text: '', isOver: false };
    const far = connect({ host: upstream.address, port: upstream.port });
    let passed = 0;
    let isHeld = false;
    clearParts.push(clear);
    join(agent, far);
    agent.on('data', (chunk: Buffer) => {
      note(clear, chunk);
      passed += chunk.length;
      if (!far.write(tamper(chunk))) agent.pause();
      if (hold === null || passed < hold.bytes) return;
      isHeld = true;
      agent.pause();
      hold.reached.resolve();
    });
    far.on('drain', () => {
      if (!isHeld) agent.resume();
    });
    far.on('data', (chunk: Buffer) => {
      if (!agent.write(tamper(chunk))) far.pause();
    });
    agent.on('drain', () => far.resume());
  }

  function join(agent: Socket, far: Socket): void {
    for (const [one, other] of [
      [agent, far],
      [far, agent],
    ] as const) {
      sockets.add(one);
      one.on('end', () => other.end());
      // Either side may cut the connection at any time; the other one must learn of it.
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  }

  function tamper(chunk: Buffer): Buffer {
    if (!tap.stripStarttls) return chunk;
    return Buffer.from(chunk.toString('latin1').replaceAll(STARTTLS, BLANKED), 'latin1');
  }

  function destroyAll(): void {
    for (const socket of sockets) socket.destroy();
  }

  function close(): Promise<void> {
    destroyAll();
    return new Promise((resolve) => {
      server.close(() => resolve());
    });
  }

  return tap;
}

function note(clear: ClearPart, chunk: Buffer): void {
  const isAtLineStart = clear.text === '' || clear.text.endsWith('\r\n');
  clear.isOver ||= isAtLineStart && chunk[0] === HANDSHAKE;
  if (!clear.isOver) clear.text += chunk.toString('latin1');
}

function listen(port: number, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, ADDRESS, () => resolve(server));
  });
}

function portOf(server: Server): { port: number } {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the wiretap has no port');
  return bound;
}
