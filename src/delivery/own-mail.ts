/**
 * Notices of the gateway itself on their way: durable in the spool before anybody counts on them,
 * from the null reverse-path and never reported on, and by a route of their own: that of a hosted
 * domain, else the smarthost or the MX of the address.
 */
import type { Clock } from '../base/clock.ts';
import type { Ids } from '../base/ids.ts';
import { messageId, sessionOf } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { pathText } from '../mail/address.ts';
import type { Notice, NoticeFacts } from '../mail/notice.ts';
import { buildNotice } from '../mail/notice.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { OwnStorage } from './own-message.ts';
import { ownMail, storeMail } from './own-message.ts';
import type { OwnReport } from './reports.ts';
import { remoteLane } from './route.ts';

export interface OwnMailOptions {
  readonly store: Pick<SpoolStore, 'commit'>;
  readonly sign?: OwnStorage['sign'];
  /** The one source of ids of the process. */
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Log;
  readonly hostname: () => string;
  readonly lifetimeMs: (lane: string) => number;
  /** The hosted domain, by its own name, that mail for `domain` goes to; undefined: not ours. */
  readonly hosted: (domain: string) => string | undefined;
  readonly wake: (lane: string) => void;
}

export interface OwnNotice {
  readonly to: Address;
  readonly subject: string;
  readonly lines: readonly string[];
}

export class OwnMail {
  readonly #options: OwnMailOptions;

  constructor(options: OwnMailOptions) {
    this.#options = options;
  }

  /** Whether it is in the spool; false when there is no room. Rejects when the store failed. */
  async send({ to, subject, lines }: OwnNotice): Promise<boolean> {
    const notice = await this.draw(to, subject, (facts) =>
      buildNotice({ ...facts, to, subject, lines }),
    );
    if (!(await storeMail(this.#options, notice.mail))) return false;
    notice.stored();
    return true;
  }

  /** A message of any form that is to come into the spool; `stored` is to be called when it is there. */
  async draw(
    to: Address,
    subject: string,
    build: (facts: Pick<NoticeFacts, 'hostname' | 'id' | 'at'>) => Notice,
    requireTls = false,
  ): Promise<OwnReport> {
    const { ids, clock, log, hosted, wake } = this.#options;
    const hostname = this.#options.hostname();
    const dest = hosted(to.domain) ?? remoteLane(to.domain);
    const now = clock.now();
    const id = messageId(ids.session(), 1);
    const notice = build({ hostname, id, at: now });
    const lifetimeMs = this.#options.lifetimeMs(dest);
    const message = { ...notice, id, dest, to, hostname, at: now, lifetimeMs, requireTls };
    const stored = () => {
      log.emit('notice.out', { id, sid: sessionOf(id), to: pathText(to), subject });
      wake(dest);
    };
    return { mail: await ownMail(this.#options.sign, message), stored };
  }
}
