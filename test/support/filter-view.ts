/** What the pipeline hands to content hooks, for tests of filters without a pipeline. */
import { memoryContent } from '../../src/mail/content.ts';
import type { Content } from '../../src/mail/content.ts';
import type { ContentView } from '../../src/plugin.ts';

export const RECEIVED = Buffer.from(
  'Received: from client.example ([192.0.2.1])\r\n' +
    '\tby mx.example with ESMTP id S.1; Mon, 05 Jan 2026 10:00:00 +0000\r\n',
);

export function filterView(content: Content | Uint8Array): Omit<ContentView, 'options'> {
  return {
    session: {
      sid: 'S',
      listener: 'mx',
      remote: { address: '192.0.2.1', port: 1024 },
      local: { address: '192.0.2.9', port: 25 },
      openedAt: 0,
      tls: undefined,
      login: undefined,
      hello: { verb: 'EHLO', name: 'client.example' },
    },
    id: 'S.1',
    direction: 'in',
    envelope: { reversePath: null, parameters: {}, recipients: [] },
    isHosted: (name) => name === 'example.org',
    score: 0,
    domain: 'example.org',
    content: content instanceof Uint8Array ? memoryContent([content]) : content,
    received: RECEIVED,
  };
}

/** A domain that has every service and overrides nothing. */
export const ANY_DOMAIN = { services: new Set(['spam', 'virus']), pluginOptions: {} };

export const NEVER = new AbortController().signal;
