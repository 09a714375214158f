/** Puts a web server to its place and takes it away again, with a bound on what is connected at once. */
import { once } from 'node:events';
import type http from 'node:http';
import type https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface Binding {
  /** Binds and resolves with the port; rejects with the system's error. */
  bind(place: { address: string; port: number }): Promise<number>;
  /** Cuts whoever is connected; resolves when the port is free, at once where none was bound. */
  unbind(): Promise<void>;
}

/** @param connectionsMax what comes beyond is closed at once. */
export function createBinding(server: http.Server | https.Server, connectionsMax: number): Binding {
  // Its own closeAllConnections knows nobody who has yet to say hello, and close would wait for them.
  const sockets = new Set<Socket>();
  server.maxConnections = connectionsMax;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    async bind({ address, port }) {
      server.listen(port, address);
      await once(server, 'listening');
      // The port of a TCP server that listens.
      return (server.address() as AddressInfo).port;
    },
    async unbind() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
