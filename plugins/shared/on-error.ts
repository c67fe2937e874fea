/** The option `on_error` of filters whose answer is one among others: without it the mail goes on. */
import type { OptionSchema } from 'sluice-mx/plugin';

export const ON_ERROR = {
  type: 'string',
  oneOf: ['defer', 'accept', 'reject'],
  default: 'accept',
  doc: 'What happens to mail that the plugin could not judge.',
} as const satisfies OptionSchema[string];
