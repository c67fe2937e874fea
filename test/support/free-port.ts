/**
 * A TCP port on loopback that nobody listens on, below those that the system gives to who asks for any:
 * a test that wants it to be closed for a while must not find a server of another test there.
 */
import { createServer } from 'node:net';

const FIRST = 10_000;
/** Linux hands out ports from here on (`net.ipv4.ip_local_port_range`). */
const END = 32_768;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
