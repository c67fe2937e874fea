/** What the header of a MIME part says of it, in every reading. */
import type { FieldValue } from './parameters.ts';
import { fieldsOf, wordsOf } from './parameters.ts';
import type { Declared } from './part-content.ts';
import type { TransferEncoding } from './transfer-encoding.ts';
import { encodingsOf } from './transfer-encoding.ts';

export interface PartHeader extends Declared {
  readonly charsets: readonly string[];
  readonly encodings: ReadonlySet<TransferEncoding>;
  readonly boundaries: readonly string[];
  readonly isMultipart: boolean;
}

const MULTIPART = /^multipart(?:\/|$)/;

/** A header as text, a character a byte; `usual` is the type of a part that says none. */
export function partHeader(header: string, usual: string): PartHeader {
  const contentTypes = fieldsOf(header, 'content-type');
  const types = contentTypes.length === 0 ? [usual] : contentTypes.map(({ word }) => word);
  const fields = [...contentTypes, ...fieldsOf(header, 'content-disposition')];
  return {
    types,
    names: fields.flatMap((field) => valuesOf(field, 'name', 'filename')),
    charsets: contentTypes.flatMap((field) => valuesOf(field, 'charset')),
    encodings: encodingsOf(wordsOf(header, 'content-transfer-encoding')),
    boundaries: contentTypes.flatMap(boundariesOf),
    isMultipart: types.some((type) => MULTIPART.test(type)),
  };
}

function valuesOf({ parameters }: FieldValue, ...wanted: readonly string[]): string[] {
  return parameters
    .filter(({ name, value }) => wanted.includes(name) && value !== '')
    .map(({ value }) => value);
}

function boundariesOf(field: FieldValue): string[] {
  if (!MULTIPART.test(field.word)) return [];
  const values = valuesOf(field, 'boundary').map((value) =>
    Buffer.from(value, 'utf8').toString('latin1').trimEnd(),
  );
  return [...new Set(values)].filter((value) => value !== '');
}
