/** The settings that a schema has, by their dotted names, with the default of each. */
import * as z from 'zod';

export interface Leaf {
  readonly name: string;
  /** As it would be written in the file; undefined: none. */
  readonly byDefault: unknown;
}

/** Groups are gone through, lists are not; of several forms the groups among them. */
export function leavesOf(schema: z.core.$ZodType, name = '', byDefault?: unknown): Leaf[] {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([key, member]) =>
      leavesOf(member, name === '' ? key : `${name}.${key}`),
    );
  }
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) {
    return leavesOf(schema.unwrap(), name, schema.def.defaultValue);
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return leavesOf(schema.unwrap(), name, byDefault);
  }
  if (schema instanceof z.ZodUnion && schema.options.every((form) => form instanceof z.ZodObject)) {
    return schema.options.flatMap((form) => leavesOf(form, name));
  }
  return [{ name, byDefault }];
}
