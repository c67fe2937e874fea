/** The schema of `notices` in sluice.yaml: what notices about outgoing mail say in place of our words. */
import * as z from 'zod';
import type { NoticeKind } from '../mail/notice-words.ts';
import { noticeFault } from '../mail/notice-words.ts';
import { text } from './values.ts';

const template = (kind: NoticeKind) =>
  text('expected a text that begins with "Subject: "', (value) => {
    const problem = noticeFault(kind, value);
    return problem === undefined ? { ok: true, value } : { ok: false, problem };
  }).optional();

const texts = (kind: NoticeKind) =>
  z.strictObject({ en: template(kind), de: template(kind) }).prefault({});

export const noticesSchema = z
  .strictObject({
    limit_near: texts('limit_near'),
    limit_reached: texts('limit_reached'),
    account_locked: texts('account_locked'),
    identity_locked: texts('identity_locked'),
  })
  .prefault({});
