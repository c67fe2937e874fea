/** A hosted domain as a value, for tests that need one and do not care which. */
import { NO_OUTGOING } from '../../src/directory/account.ts';
import type { Domain } from '../../src/directory/domain.ts';

const HOST = { host: '192.0.2.10', port: 25, priority: 0 };

export const CUSTOMER_DOMAIN: Domain = {
  name: 'example.org',
  lane: 'example.org',
  lanes: ['example.org'],
  aliases: [],
  destination: { key: '192.0.2.10:25', hosts: [HOST], tls: 'opportunistic', maxConnections: 20 },
  recipients: { kind: 'callout' },
  outage: 'defer',
  quota: { messages: 1000, bytes: 1_000_000 },
  services: new Set(['relay', 'fallback']),
  spam: { tag: 5, quarantine: 8, reject: 12 },
  virus: 'reject',
  pluginOptions: {},
  caseSensitiveLocalParts: false,
  contact: undefined,
  reportLanguage: 'auto',
  queue: {},
  outgoing: NO_OUTGOING,
  signing: { domains: [], headers: [] },
  policyGroup: 'x',
  file: 'example.org.yaml',
};
