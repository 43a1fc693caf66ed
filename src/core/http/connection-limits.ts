import type { Server } from 'node:http';
import type { DropArgument, Socket } from 'node:net';

/** How long a server waits for what a client owes it. */
export const TIMEOUTS = {
  /** For all headers of a request. */
  headersTimeout: 10_000,
  /** For a whole request with its body; not for its answer. */
  requestTimeout: 30_000,
  /** For the next request of a connection: longer than the 60 s of common proxies, which would else meet a closed one. */
  keepAliveTimeout: 65_000,
  /** How often the first two are looked at; Node's own 30 s would make 40 s of 10. */
  connectionsCheckingInterval: 2_000,
} as const;

export interface ConnectionLimits {
  /** Most connections at a time; 0: no limit. */
  readonly most: number;
  /** Most connections at a time of one address; 0: no limit. */
  readonly mostPerAddress: number;
  /** The address to count by; undefined where an address is not counted. */
  readonly countedAs: (address: string | undefined) => string | undefined;
  readonly onRefused: (facts: Readonly<Record<string, string | number>>) => void;
}

/** Closes connections beyond the limits as they come, before a byte is read. To be called before the server listens. */
export function limitConnections(server: Server, { most, mostPerAddress, countedAs, onRefused }: ConnectionLimits): void {
  Object.assign(server, TIMEOUTS, most > 0 ? { maxConnections: most } : {});
  server.on('drop', (data?: DropArgument) => onRefused({ address: data?.remoteAddress ?? 'unknown', limit: most }));
  if (mostPerAddress === 0) return;
  const open = new Map<string, number>();
  server.prependListener('connection', (socket: Socket) => {
    const address = countedAs(socket.remoteAddress);
    if (address === undefined) return;
    const count = open.get(address) ?? 0;
    if (count >= mostPerAddress) {
      socket.destroy();
      onRefused({ address, limit: mostPerAddress });
      return;
    }
    open.set(address, count + 1);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
}
