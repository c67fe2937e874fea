/**
 * Two verifiers of DKIM signatures and ARC chains that are not ours, from Debian's packages: dkimpy, which knows both
 * algorithms, and Mail::DKIM, which knows RSA alone. Both are given the records in place of a DNS.
 */
import { spawnSync } from 'node:child_process';

export type DkimRecords = Readonly<Record<string, string>>;

const PYTHON = '/usr/bin/python3';
const PERL = '/usr/bin/perl';

const BY_DKIMPY = `
import sys, json, base64, dkim, nacl
asked = json.load(sys.stdin)
records = asked["records"]
def txt(name, timeout=5):
    if isinstance(name, bytes): name = name.decode()
    return records.get(name.rstrip("."))
out = []
for mail in asked["mails"]:
    found = []
    try:
        d = dkim.DKIM(base64.b64decode(mail))
    except dkim.MessageFormatError as error:
        out.append(["unreadable: " + str(error)])
        continue
    for i, (name, value) in enumerate([h for h in d.headers if h[0].lower() == b"dkim-signature"]):
        try:
            found.append("pass" if d.verify(idx=i, dnsfunc=txt) else "fail")
        except Exception as error:
            found.append(type(error).__name__ + ": " + str(error))
    out.append(found)
print(json.dumps(out))
`;

/** A resolver of Net::DNS that knows the records it was given in `$asked`. */
const RECORDS_IN_PERL = `package Table;
sub send {
  my ($self, $name, $type) = @_;
  my $reply = Net::DNS::Packet->new($name, $type || 'TXT');
  my $text = $asked->{records}{$name};
  $reply->push(answer => Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [unpack('(A255)*', $text)])) if defined $text;
  return $reply;
}
sub errorstring { return 'NXDOMAIN' }
package main;
$Mail::DKIM::DNS::RESOLVER = bless {}, 'Table';
`;

const BY_MAIL_DKIM = `
use strict; use JSON::PP; use MIME::Base64; use Mail::DKIM::Verifier; use Net::DNS;
local $/; my $asked = decode_json(<STDIN>);
${RECORDS_IN_PERL}my @out;
for my $mail (@{$asked->{mails}}) {
  my $dkim = Mail::DKIM::Verifier->new();
  $dkim->PRINT(decode_base64($mail));
  $dkim->CLOSE;
  push @out, [map { $_->result_detail } grep { ($_->algorithm || '') eq 'rsa-sha256' } $dkim->signatures];
}
print encode_json(\\@out);
`;

const ARC_BY_DKIMPY = `
import sys, json, base64, dkim
asked = json.load(sys.stdin)
records = asked["records"]
def txt(name, timeout=5):
    if isinstance(name, bytes): name = name.decode()
    return records.get(name.rstrip("."))
out = []
for mail in asked["mails"]:
    cv, results, reason = dkim.arc_verify(base64.b64decode(mail), dnsfunc=txt)
    out.append([cv.decode() if isinstance(cv, bytes) else str(cv)])
print(json.dumps(out))
`;

const ARC_BY_MAIL_DKIM = `
use strict; use JSON::PP; use MIME::Base64; use Mail::DKIM::ARC::Verifier; use Net::DNS;
local $/; my $asked = decode_json(<STDIN>);
${RECORDS_IN_PERL}my @out;
for my $mail (@{$asked->{mails}}) {
  my $arc = Mail::DKIM::ARC::Verifier->new();
  $arc->PRINT(decode_base64($mail));
  $arc->CLOSE;
  push @out, [$arc->result];
}
print encode_json(\\@out);
`;

export const NEEDED = 'python3-dkim, python3-nacl and libmail-dkim-perl';

export function hasVerifiers(): boolean {
  return (
    spawnSync(PYTHON, ['-c', 'import dkim, nacl']).status === 0 &&
    spawnSync(PERL, ['-MMail::DKIM::Verifier', '-MJSON::PP', '-e', '1']).status === 0
  );
}

/** What dkimpy says of each signature of each mail, from the top: `pass`, or why not. */
export function byDkimpy(mails: readonly Buffer[], records: DkimRecords): string[][] {
  return run(PYTHON, ['-c', BY_DKIMPY], mails, records);
}

/** What Mail::DKIM says of each RSA signature of each mail. */
export function byMailDkim(mails: readonly Buffer[], records: DkimRecords): string[][] {
  return run(PERL, ['-e', BY_MAIL_DKIM], mails, records);
}

/** What either says of the ARC chain of each mail. */
export function chainsByOthers(mails: readonly Buffer[], records: DkimRecords): string[][] {
  const pairs = [
    run(PYTHON, ['-c', ARC_BY_DKIMPY], mails, records),
    run(PERL, ['-e', ARC_BY_MAIL_DKIM], mails, records),
  ];
  return mails.map((_, i) => pairs.map((found) => found[i]?.[0] ?? ''));
}

function run(
  program: string,
  args: readonly string[],
  mails: readonly Buffer[],
  records: DkimRecords,
): string[][] {
  const asked = { records, mails: mails.map((mail) => mail.toString('base64')) };
  const ran = spawnSync(program, args, {
    input: JSON.stringify(asked),
    maxBuffer: 64 * 1024 * 1024,
    timeout: 120_000,
  });
  if (ran.status !== 0) throw new Error(`${program}: ${ran.stderr.toString()}`);
  return JSON.parse(ran.stdout.toString()) as string[][]; // the scripts above print this
}
