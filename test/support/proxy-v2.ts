/** Headers of the PROXY protocol, version 2, as load balancers make them. */
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/** `kind` is the byte of family and transport, `addresses` and `tlvs` are hexadecimal. */
export function proxyV2(
  command: 'PROXY' | 'LOCAL',
  kind: number,
  addresses: string,
  tlvs = '',
): Buffer {
  const body = Buffer.from(addresses + tlvs, 'hex');
  const head = Buffer.from([command === 'PROXY' ? 0x21 : 0x20, kind, 0, 0]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([SIGNATURE, head, body]);
}
