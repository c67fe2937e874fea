/** Who our customers are: one hosted domain, as a value made from its file. */
import type { Address } from '../mail/address.ts';
import type { SigningKeys } from '../dkim/signer.ts';
import type { ReportLanguage } from '../mail/report-words.ts';
import type { QueueOverride } from './queue-policy.ts';
import type { Accounts, Outgoing } from './account.ts';
import type { RemoteTlsTable } from './remote-tls.ts';
import type { LdapSource } from './ldap/source.ts';

export interface DestinationHost {
  readonly host: string;
  readonly port: number;
  /** Hosts of the lowest number are tried first. */
  readonly priority: number;
  /** Share of the load among hosts of one priority; 1 when not given. */
  readonly weight?: number;
  /** Connect here; without it `host` is looked up. */
  readonly address?: string;
}

export interface DestinationLogin {
  readonly user: string;
  readonly password: string;
  /** What the connection must be: `verified` is TLS to the very host, as an authority says. */
  readonly over: 'verified' | 'tls' | 'plaintext';
}

export interface Destination {
  /** Of its hosts alone: equal keys are the same destination (destination-key.ts). */
  readonly key: string;
  readonly hosts: readonly DestinationHost[];
  /** In place of hosts: the domain whose MX hosts they are, found at each attempt. */
  readonly mx?: string;
  readonly tls: 'opportunistic' | 'required' | 'off';
  readonly maxConnections: number;
  /** At most so many messages in so much time; no bound when not given. */
  readonly rate?: { readonly messages: number; readonly perMs: number };
  /** It trusts us to say by XCLIENT for whom mail comes. */
  readonly xclient?: true;
  /** It relays for those that log in. */
  readonly login?: DestinationLogin;
  /** Which of our addresses its mail goes from, where a class of mail has its own. */
  readonly pool?: string;
  /** No place of its own: its mail is parted by recipient at the first attempt. */
  readonly isParted?: true;
}

export interface ListOrigin {
  /** File, its state, and how its addresses are compared. */
  readonly mark: string;
  /** Names of the domain of which no address is listed. */
  readonly unlisted: readonly string[];
}

export type RecipientSource =
  | { readonly kind: 'callout' }
  | { readonly kind: 'any' }
  /** Keys made by `recipientKey`. */
  | {
      readonly kind: 'list';
      readonly addresses: ReadonlySet<string>;
      /** Of a file: by what one knows that it would be read the same again. */
      readonly from?: ListOrigin;
    }
  | LdapSource;

export type Service = 'relay' | 'fallback' | 'spam' | 'virus';

/** How much may wait in the queue; `Infinity` where nothing is set. */
export interface Quota {
  readonly messages: number;
  readonly bytes: number;
}

/** Scores from which something is done with a message; infinite: never. */
export interface SpamPolicy {
  readonly tag: number;
  readonly quarantine: number;
  readonly reject: number;
  /** In front of the subject of mail that is tagged. */
  readonly subjectTag?: string;
}

export interface Domain {
  /** The domain's name in lower case; aliases are other names for the same customer domain. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** Of the spool: its name, or for one server of a split domain `example.org/192.0.2.10:25`. */
  readonly lane: string;
  /** Every lane in which mail of this customer domain may wait. */
  readonly lanes: readonly string[];
  readonly destination: Destination;
  /** The same domain with each of several servers, in the order in which they are asked. */
  readonly split?: readonly Domain[];
  readonly recipients: RecipientSource;
  readonly outage: 'defer' | 'hold' | 'accept';
  readonly services: ReadonlySet<Service>;
  readonly quota: Quota;
  readonly spam: SpamPolicy;
  readonly virus: 'reject' | 'quarantine';
  /** Overrides of plugin options by plugin name, unchecked here. */
  readonly pluginOptions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly caseSensitiveLocalParts: boolean;
  readonly contact: string | undefined;
  /** Who helps this customer. */
  readonly support?: { readonly name?: string | undefined; readonly email?: string | undefined };
  /** Of reports to senders of the domain. */
  readonly reportLanguage: ReportLanguage;
  /** How its mail is tried, where that differs from the node. */
  readonly queue: QueueOverride;
  readonly outgoing: Outgoing;
  /** What signs its mail. */
  readonly signing: SigningKeys;
  /** Equal keys may share a transaction: destination and filter policy. */
  readonly policyGroup: string;
  /** What is another for single mailboxes, by `mailboxKey` (mailbox-policy.ts). */
  readonly mailboxes?: ReadonlyMap<string, Pick<Domain, 'spam' | 'policyGroup'>>;
  /** The file it came from, for messages to people. */
  readonly file: string;
}

export interface Directory {
  readonly domains: readonly Domain[];
  /** The same with one of each server where a domain is split. */
  readonly routes: readonly Domain[];
  /** Those of `routes` that a destination serves, by its key. */
  servedBy(destination: string): readonly Domain[];
  /** The client is a server of some domain. */
  hasServer(client: string): boolean;
  readonly accounts: Accounts;
  /** Where mail for everybody else goes; undefined: to the hosts that the DNS names. */
  readonly smarthost: Destination | undefined;
  /** What the operator demands of TLS to servers of others. */
  readonly remoteTls: RemoteTlsTable;
  /** What signs the gateway's own reports and notices. */
  readonly ownSigning: SigningKeys;
  /** What seals inbound mail that goes on: one key, or none. */
  readonly sealing: SigningKeys;
  /** By name or alias, in any letter case, or by a lane of the spool. */
  find(domain: string): Domain | undefined;
}

/** An address in the form that lists and memory compare. */
export function recipientKey(address: Address, caseSensitiveLocalPart: boolean): string {
  const local = caseSensitiveLocalPart ? address.local : address.local.toLowerCase();
  return `${local}@${address.domain.toLowerCase()}`;
}
