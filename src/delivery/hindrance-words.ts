/** What it means that a destination hinders us, and what its administrator must do about it. */
import type { Hindrance } from './hindrance-signs.ts';

const EXEMPT = 'exempt the address of this gateway';

const WORDS: Readonly<Record<Hindrance, { readonly text: string; readonly advice: string }>> = {
  greylists: {
    text: 'greylists this gateway: each mail waits for a second attempt',
    advice: `${EXEMPT} from greylisting on that server (Postfix: postscreen_access_list; postgrey: whitelist_clients; rspamd: greylist whitelisted_ip)`,
  },
  limits: {
    text: 'limits the connections or the mail of this gateway',
    advice: `${EXEMPT} from such limits on that server (Postfix: smtpd_client_event_limit_exceptions; Exchange: MaxInboundConnectionPerSource), or stay below them with "max_connections" and "rate" of the destination`,
  },
  unprepared: {
    text: 'asks this gateway for a login or TLS, or does not understand its commands: mail waits',
    advice:
      'let that server take mail from the address of this gateway without a login (Exchange: a receive connector with anonymous users; Postfix: permit_mynetworks), let "tls" of the destination be what it asks for, and look for a firewall between the two that alters SMTP',
  },
  tarpits: {
    text: 'lets this gateway wait for its answers to MAIL and RCPT',
    advice: `${EXEMPT} from tarpitting on that server (Postfix: smtpd_error_sleep_time; Exchange: TarpitInterval); if it does none, it is pressed: look at its load and its DNS`,
  },
};

export function hindranceText(habit: Hindrance): string {
  return WORDS[habit].text;
}

/** What it does, and what to do about it. */
export function hindranceAdvice(habit: Hindrance): string {
  const { text, advice } = WORDS[habit];
  return `${text}; ${advice}`;
}
