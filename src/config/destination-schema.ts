/** The schema of a destination: hosts, and how they are spoken to. */
import * as z from 'zod';
import { endpoint, host, messageRate, whole } from './values.ts';

export const SMTP_PORT = 25;

export const destinationHost = z.union(
  [
    endpoint(SMTP_PORT),
    z.strictObject({
      host: host(),
      port: whole(1, 65_535).prefault(SMTP_PORT),
      priority: whole(0, 65_535).optional(),
      weight: whole(1, 1000).prefault(1),
    }),
  ],
  { error: 'expected host:port or { host, port, priority, weight }' },
);

/** The bounds of a destination's connections, as a number of ours: Postfix takes 50 from one client. */
const MAX_CONNECTIONS = 1000;

const FORM = 'expected host:port or { hosts: [...] }';

export const severalHosts = z.strictObject({
  hosts: z
    .array(destinationHost, { error: 'expected a list of hosts such as ["192.0.2.10:25"]' })
    .min(1, { error: 'expected at least one host' })
    .max(20, { error: 'expected at most 20 hosts' }),
  tls: z.enum(['opportunistic', 'required', 'off']).prefault('opportunistic'),
  xclient: z.boolean().prefault(false),
  max_connections: whole(1, MAX_CONNECTIONS).prefault(20),
  rate: messageRate().optional(),
});

export const destination = z.union([endpoint(SMTP_PORT), severalHosts], { error: FORM });

export type HostSettings = z.output<typeof destinationHost>;
export type DestinationSettings = z.output<typeof destination>;
