/** The schema of `delivery.providers`: limits towards those who take mail for very many domains. */
import * as z from 'zod';
import { isDomain } from '../mail/address.ts';
import { messageRate, text, whole } from './values.ts';

const HOST_FORM = 'expected a host name such as mx.example.net, or *.example.net';

const hostPattern = text(HOST_FORM, (value) => {
  const name = value.replace(/^\*\./, '');
  const isGood = isDomain(name) && name.includes('.') && !name.startsWith('[');
  return isGood ? { ok: true, value: value.toLowerCase() } : { ok: false, problem: HOST_FORM };
});

export const providers = z
  .array(
    z.strictObject({
      mx: z
        .array(hostPattern, { error: 'expected a list such as ["*.example.net"]' })
        .min(1, { error: 'expected at least one host' })
        .max(50, { error: 'expected at most 50 hosts' }),
      max_connections: whole(1, 1000).optional(),
      rate: messageRate().optional(),
    }),
    { error: 'expected a list such as [{ mx: ["*.example.net"], max_connections: 10 }]' },
  )
  .max(200, { error: 'expected at most 200 providers' });
