/**
 * What was probably meant by a line that YAML does not understand, where its own complaint is of no
 * help: addresses that YAML reads as lists, anchors or keys.
 */
export function yamlAdvice(line: string): string | undefined {
  const code = line.replace(/\s#.*$/, '');
  const bracketed = /(?:^|[\s,:{[-])(\[[\da-f]*:[\da-f:.]*\]:\d+)/i.exec(code)?.[1];
  if (bracketed !== undefined) {
    return `an address in brackets needs "quotes", for YAML reads a list: "${bracketed}"`;
  }
  const port = /(?:^|\s|,|\[)\*:?(\d{1,5})\b/.exec(code)?.[1];
  if (port !== undefined) {
    return `"*" means something else in YAML; every IPv4 address is "0.0.0.0:${port}"`;
  }
  return undefined;
}
