/** Whether scanners answer, know what is new, and take what the gateway takes. */
import { formatSize } from '../../config/quantity.ts';
import type { ScannerAnswer } from '../facts/running.ts';
import type { Finding } from '../finding.ts';
import { fail, named, pass, skip, warn } from '../finding.ts';

export function judgeScanners(answers: readonly ScannerAnswer[]): Finding[] {
  if (answers.length === 0) return [skip('scanners', 'no filter asks one')];
  return answers.flatMap(({ name, up, text, signatures }) => {
    const fix = 'start it, and see that this address is right: mail is put off meanwhile';
    if (!up) return [fail(name, text, `${fix}, unless on_error says otherwise`)];
    return [pass(name, text), ...(signatures === undefined ? [] : [judgeAge(name, signatures)])];
  });
}

/** `asking`: the domains that have mail looked at for spam or viruses, with no filter at all. */
export function judgeNoFilters(asking: readonly string[]): Finding {
  const check = 'scanners';
  if (asking.length === 0) return skip(check, 'no filter asks one');
  const fix = 'name filters under plugins in sluice.yaml, or leave spam and virus out of services';
  return warn(check, `nothing looks for spam and viruses of ${named(asking)}`, fix);
}

function judgeAge(name: string, { age, text }: NonNullable<ScannerAnswer['signatures']>): Finding {
  const check = `${name} signatures`;
  if (age === 'fresh') return pass(check, text);
  const fix = 'see that freshclam runs: systemctl status clamav-freshclam';
  if (age === 'old') return warn(check, text, fix);
  const again = `${fix}; then start clamd again, a private one with the gateway`;
  return warn(check, `${text}: TEST SIGNATURES ONLY find no real virus`, again);
}

const MIB = 1024 * 1024;
/** clamd.conf(5): what is not set there, in bytes. */
const CLAMD_DEFAULTS = {
  StreamMaxLength: 100 * MIB,
  MaxScanSize: 400 * MIB,
  MaxFileSize: 100 * MIB,
};
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: MIB };

/** The text of clamd.conf against the largest message that is taken. */
export function judgeClamdLimits(conf: string, messageSizeBytes: number): Finding {
  const check = 'clamd limits';
  const low = Object.entries(CLAMD_DEFAULTS).flatMap(([key, usual]) => {
    const match = new RegExp(`^[ \\t]*${key}[ \\t]+(\\d{1,12})([kKmM]?)`, 'm').exec(conf);
    const set = Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? ''] ?? 1);
    const bytes = match === null ? usual : set;
    // 0: no limit.
    return bytes > 0 && bytes < messageSizeBytes ? [`${key} ${formatSize(bytes)}`] : [];
  });
  const wanted = `limits.message_size is ${formatSize(messageSizeBytes)}`;
  if (low.length === 0) return pass(check, `large enough: ${wanted}`);
  const fix = 'raise them in clamd.conf: what is larger cannot be checked, and is put off';
  return warn(check, `${low.join(', ')}, but ${wanted}`, fix);
}

/** By default clamd says OK to what it has not looked at whole (clamd.conf(5)). */
export function judgeClamdSilence(conf: string): Finding {
  const check = 'clamd AlertExceedsMax';
  if (/^[ \t]*AlertExceedsMax[ \t]+(?:yes|true|1)\b/im.test(conf)) {
    return pass(check, 'on: what is beyond its limits is not called clean');
  }
  const detail = 'off: what is beyond its limits, in archives too, is called clean unseen';
  return warn(check, detail, 'put "AlertExceedsMax yes" into clamd.conf and restart clamd');
}
