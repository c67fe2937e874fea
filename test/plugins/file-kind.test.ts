/** Every kind of file that the rule for kinds has is known by how it begins; what is none of them is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_KINDS, fileKind } from '../../plugins/attachments/file-kind.ts';

const octets = (text: string) => Buffer.from(text, 'latin1');
const at = (offset: number, text: string) =>
  Buffer.concat([Buffer.alloc(offset, 0x20), octets(text)]);

const BEGINNINGS: Readonly<Record<string, readonly Buffer[]>> = {
  exe: [octets(`MZ${'\0'.repeat(62)}`), octets(`ZM${'\0'.repeat(62)}`)],
  elf: [octets('\x7fELF\x02\x01')],
  'mach-o': ['feedface', 'feedfacf', 'cefaedfe', 'cffaedfe'].map((hex) => Buffer.from(hex, 'hex')),
  lnk: [Buffer.from('4c0000000114020000000000c000000000000046', 'hex')],
  chm: [octets('ITSF\x03')],
  ole: [Buffer.from('d0cf11e0a1b11ae1', 'hex')],
  zip: [octets('PK\x03\x04'), octets('PK\x05\x06'), octets('PK\x07\x08')],
  rar: [octets('Rar!\x1a\x07\0'), octets('Rar!\x1a\x07\x01\0')],
  '7z': [Buffer.from('377abcaf271c', 'hex')],
  gz: [Buffer.from('1f8b08', 'hex')],
  bz2: [octets('BZh91AY')],
  xz: [Buffer.from('fd377a585a00', 'hex')],
  lzma: [Buffer.from('5d00008000ffffffffffffffff0026', 'hex')],
  cab: [octets('MSCF\0\0')],
  arj: [Buffer.from('60ea', 'hex')],
  ace: [at(7, '**ACE**')],
  tar: [at(257, 'ustar')],
  iso: [at(32_769, 'CD001'), at(32_769, 'BEA01')],
  vhd: [octets('conectix')],
  vhdx: [octets('vhdxfile')],
  tnef: [Buffer.from('789f3e22', 'hex')],
  onenote: [Buffer.from('e4525c7b8cd8a74d', 'hex')],
  script: [octets('#!/bin/sh\n')],
  rtf: [octets('{\\rtf1')],
  pdf: [octets('%PDF-1.7')],
  'svg-script': [
    octets('<svg><script>x</script></svg>'),
    octets('<svg onload = "x"/>'),
    octets('<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:script>x</s:script></s:svg>'),
    octets('<svg><a href="java&#0000000000115;cript:x"/></svg>'),
    octets('<svg><a href="java\n&#x9;script:x"/></svg>'),
    octets('<svg><foreignObject><iframe src="data:text/html,x"/></foreignObject></svg>'),
    octets('<?xml version="1.0"?><!-- <html --><svg><script>x</script></svg>'),
    octets('<!DOCTYPE svg [<!ENTITY a "<html">]>\n<svg><script>x</script></svg>'),
    octets(`<svg><!-- ${'x'.repeat(40_000)} --><script>x</script></svg>`),
    Buffer.from('<svg><a href="javascript:x"/></svg>', 'utf16le'),
  ],
};

test('every kind by its beginning', () => {
  assert.deepEqual(Object.keys(BEGINNINGS).toSorted(), FILE_KINDS.toSorted());
  for (const [kind, beginnings] of Object.entries(BEGINNINGS)) {
    for (const bytes of beginnings)
      assert.equal(fileKind(bytes), kind, bytes.toString('latin1', 0, 20));
  }
});

test('what only looks like one', () => {
  const none = [
    'MZ is how this text begins, and it is long enough to be a program',
    '<svg/>',
    'PK',
    '',
  ];
  for (const text of none) assert.equal(fileKind(octets(text)), undefined, text);
  assert.equal(fileKind(octets('<html><svg onload="x"/></html>')), undefined, 'a page');
});
