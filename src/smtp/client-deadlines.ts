/**
 * How long a client waits in each phase. RFC 5321 4.5.3.2 wants minutes, for hosts far away that are
 * busy; a destination stands next to us and its sender waits meanwhile, and what is given up here
 * is only put off. The wait for the final reply is the caller's, for giving that one up may send a
 * message twice.
 */
export interface ClientDeadlines {
  readonly connectMs: number;
  readonly greetingMs: number;
  readonly helloMs: number;
  readonly handshakeMs: number;
  readonly mailMs: number;
  readonly rcptMs: number;
  readonly dataMs: number;
  /** For the answer to a dot that ends nothing: no mail hangs on it, and somebody waits. */
  readonly emptyMs: number;
  /** Until the peer takes the next block of content (RFC 5321 4.5.3.2.5: 3 minutes). */
  readonly blockMs: number;
  readonly resetMs: number;
  readonly quitMs: number;
}

export const CLIENT_DEADLINES: ClientDeadlines = {
  connectMs: 15_000,
  greetingMs: 30_000,
  helloMs: 30_000,
  handshakeMs: 15_000,
  mailMs: 60_000,
  rcptMs: 60_000,
  dataMs: 60_000,
  emptyMs: 5_000,
  blockMs: 120_000,
  resetMs: 20_000,
  quitMs: 5_000,
};

/**
 * As RFC 5321 4.5.3.2 has them: for servers of others and mail that nobody waits for. What is given up
 * sooner at each attempt never arrives at a server that lets strangers wait.
 */
export const PATIENT_DEADLINES: ClientDeadlines = {
  ...CLIENT_DEADLINES,
  greetingMs: 300_000,
  helloMs: 300_000,
  mailMs: 300_000,
  rcptMs: 300_000,
  dataMs: 120_000,
  blockMs: 180_000,
};
