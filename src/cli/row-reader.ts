/**
 * Reads members of the gateway's answers. They are outside data, for the gateway may be of another
 * version than this command: what is missing or of another type reads as empty.
 */
import type { Row } from '../control/rows.ts';

export function textOf(row: Row, name: string): string {
  const value = row[name];
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

export function numberOf(row: Row, name: string): number | undefined {
  const value = row[name];
  return typeof value === 'number' ? value : undefined;
}

/** A time in milliseconds. */
export function timeOf(row: Row, name: string): number | undefined {
  const at = Date.parse(textOf(row, name));
  return Number.isNaN(at) ? undefined : at;
}

export function rowOf(row: Row, name: string): Row {
  return asRow(row[name]);
}

export function rowsOf(row: Row, name: string): readonly Row[] {
  const value = row[name];
  return Array.isArray(value) ? value.map(asRow) : [];
}

export function wordsOf(row: Row, name: string): readonly string[] {
  const value = row[name];
  return Array.isArray(value) ? value.filter((word) => typeof word === 'string') : [];
}

export function asRow(value: unknown): Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
