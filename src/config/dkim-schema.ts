/**
 * The schema of `dkim` in a domain file: which keys sign its mail, and what more they sign; and of
 * `arc_seal` in sluice.yaml: what seals mail that goes on.
 */
import * as z from 'zod';
import { isSelector } from '../mail/selector.ts';
import { hostName, path, text } from './values.ts';

const SELECTOR_FORM = 'expected a selector such as s2026';

export const selector = () =>
  text(SELECTOR_FORM, (value) =>
    isSelector(value) ? { ok: true, value } : { ok: false, problem: SELECTOR_FORM },
  );

const FIELD_FORM = 'expected the name of a header field such as X-Campaign';

const fieldName = text(FIELD_FORM, (value) =>
  /^[\x21-\x39\x3c-\x7e]{1,100}$/.test(value)
    ? { ok: true, value: value.toLowerCase() }
    : { ok: false, problem: FIELD_FORM },
);

export const dkimSchema = z.strictObject({
  selectors: z
    .array(selector(), { error: 'expected a list of selectors such as [s2026]' })
    .max(20, { error: 'expected at most 20 selectors' })
    .optional(),
  headers: z
    .array(fieldName, { error: 'expected a list of header fields such as [X-Campaign]' })
    .max(50, { error: 'expected at most 50 header fields' })
    .prefault([]),
});

export const arcSealSchema = z.strictObject(
  {
    domain: hostName(),
    selector: selector(),
    key: path(),
    when: z.enum(['changed', 'always']).prefault('changed'),
  },
  { error: 'expected { domain: example.net, selector: s2026, key: /path/of.pem }' },
);
