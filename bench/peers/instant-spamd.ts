/**
 * Answers like spamd, at once, with a harmless score: what a gateway spends on asking shows only at rates
 * that spamd itself, with a tenth of a second of CPU for a message, does not reach, nor is a gateway warm
 * at those. Told a port by IPC, it hands on to the spamd there, until it is told none. Runs as a process
 * of its own, tells its port by IPC, and ends when that is closed.
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface HandOn {
  readonly spamdPort: number | undefined;
}

const TESTS = 'HTML_MESSAGE,MAILING_LIST_MULTI,RCVD_IN_DNSWL_NONE,SPF_PASS\r\n';
const ANSWER = `SPAMD/1.1 0 EX_OK\r\nContent-length: ${TESTS.length}\r\nSpam: False ; 1.5 / 5.0\r\n\r\n${TESTS}`;

let spamdPort: number | undefined;

function serve(socket: Socket): void {
  if (spamdPort === undefined) answer(socket);
  else handOn(socket, connect({ host: '127.0.0.1', port: spamdPort, allowHalfOpen: true }));
}

function handOn(socket: Socket, spamd: Socket): void {
  socket.on('error', () => spamd.destroy());
  spamd.on('error', () => socket.destroy());
  socket.pipe(spamd).pipe(socket);
}

function answer(socket: Socket): void {
  let head = '';
  /** Octets of the message that are still to come; undefined while the head is read. */
  let left: number | undefined;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    if (left === undefined) {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      left = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0) - (head.length - end - 4);
    } else left -= chunk.length;
    if (left <= 0) socket.end(head.startsWith('PING') ? 'SPAMD/1.5 0 PONG\r\n' : ANSWER);
  });
}

const server = createServer({ allowHalfOpen: true }, serve);
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', (told: HandOn) => {
  ({ spamdPort } = told);
});
process.once('disconnect', () => process.exit(0));
