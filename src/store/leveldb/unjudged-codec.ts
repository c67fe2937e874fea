/** The stored form of what filters have still to judge of a message, as a part of its record. */
import type { SessionView } from '../../mail/session-view.ts';
import type { Unjudged } from '../../mail/unjudged.ts';
import * as read from './json-shape.ts';

export function unjudgedOf(json: read.Json): Unjudged {
  return {
    missing: read.list(json['missing'], read.text),
    said: read.text(json['said']),
    domain: read.text(json['domain']),
    session: sessionOf(read.object(json['session'])),
    ownBytes: read.count(json['ownBytes']),
    fields: read.text(json['fields']),
    received: read.text(json['received']),
    ...read.defined({
      account: read.optional(json['account'], read.text),
      identity: read.optional(json['identity'], read.text),
      isUnverified: read.optional(json['isUnverified'], read.flag),
    }),
  };
}

function sessionOf(json: read.Json): SessionView {
  return {
    sid: read.text(json['sid']),
    listener: read.text(json['listener']),
    remote: placeOf(json['remote']),
    local: placeOf(json['local']),
    openedAt: read.number(json['openedAt']),
    tls: read.optional(json['tls'], (value) => {
      const tls = read.object(value);
      return { protocol: read.text(tls['protocol']), cipher: read.text(tls['cipher']) };
    }),
    login: read.optional(json['login'], (value) => {
      const login = read.object(value);
      return { user: read.text(login['user']), mechanism: read.text(login['mechanism']) };
    }),
    hello: read.optional(json['hello'], (value) => {
      const hello = read.object(value);
      return { verb: read.oneOf(hello['verb'], ['HELO', 'EHLO']), name: read.text(hello['name']) };
    }),
    ...read.defined({ via: read.optional(json['via'], read.text) }),
  };
}

function placeOf(value: unknown): SessionView['remote'] {
  const json = read.object(value);
  return { address: read.text(json['address']), port: read.count(json['port']) };
}
