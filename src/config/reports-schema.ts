/** The schema of `reports` in sluice.yaml: what reports to senders say in place of our words. */
import * as z from 'zod';
import { templateProblem } from '../mail/report-words.ts';
import { text } from './values.ts';

const template = () =>
  text('expected a text that begins with "Subject: "', (value) => {
    const problem = templateProblem(value);
    return problem === undefined ? { ok: true, value } : { ok: false, problem };
  }).optional();

const texts = () => z.strictObject({ en: template(), de: template() }).prefault({});

export const reportsSchema = z
  .strictObject({ failed: texts(), delayed: texts(), relayed: texts() })
  .prefault({});
