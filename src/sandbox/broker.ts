/** An MQTT 3.1.1 broker in this process, on loopback and open to everybody there: for the demo and for tests. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Aedes } from 'aedes';

export interface DemoBroker {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts it on a free port. The library is loaded here, and nowhere else. */
export async function startDemoBroker(): Promise<DemoBroker> {
  const { Aedes: Broker } = await import('aedes');
  const broker: Aedes = await Broker.createBroker();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    broker.handle(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the broker has no port');
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    async stop() {
      server.close();
      await new Promise<void>((resolve) => broker.close(resolve));
      for (const socket of sockets) socket.destroy();
    },
  };
}
