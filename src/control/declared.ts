/** What the client declared with the addresses of an envelope, as it stood behind them in SMTP. */
import type { MailParameters, RcptParameters } from '../mail/envelope.ts';
import { mailParametersText, rcptParametersText } from '../mail/envelope.ts';

const ALL = { eightBitMime: true, smtpUtf8: true, requireTls: true, dsn: true };

export function declaredInMail(parameters: MailParameters): string | undefined {
  return unlessEmpty(mailParametersText(parameters, ALL));
}

export function declaredInRcpt(parameters: RcptParameters): string | undefined {
  return unlessEmpty(rcptParametersText(parameters, ALL));
}

function unlessEmpty(text: string): string | undefined {
  return text === '' ? undefined : text.trimStart();
}
