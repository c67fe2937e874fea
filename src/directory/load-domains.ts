/**
 * From the files of the domains folder to `Domain` values, with the faults that only show when they
 * are seen together and in their surroundings: a name that is served twice, a destination that is
 * this gateway, lists of recipients that cannot be read, an address that is an account of two.
 */
import { basename } from 'node:path';
import type { Config } from '../config/config.ts';
import { SERVICES } from '../config/domain-schema.ts';
import type { DomainFile } from '../config/domain-file.ts';
import type { Path, Problem } from '../config/problem.ts';
import type { KeyFolder } from '../dkim/key-folder.ts';
import { wayKey, withSharedLimits } from './destination-key.ts';
import { buildDestination, destinationFaults, partedDestination } from './destination.ts';
import { asciiDomain } from './domain-name.ts';
import type { Directory, Domain, SpamPolicy } from './domain.ts';
import { accountProblems, buildOutgoing } from './load-accounts.ts';
import { readSigning } from './load-signing.ts';
import { mailboxProblems, readMailboxes, THRESHOLDS, thresholdsOf } from './mailbox-policy.ts';
import { buildQueueOverride } from './queue-policy.ts';
import { readRecipients } from './recipient-source.ts';

export interface DomainsReading {
  /** Of use only when there are no errors among the problems. */
  readonly domains: readonly Domain[];
  readonly problems: readonly Problem[];
}

export interface Surroundings {
  /** Without it no mail loop is found. */
  readonly own?: Pick<Config, 'listeners' | 'hostname'> | undefined;
  /** In force until now. */
  readonly before?: Directory | undefined;
  readonly keys?: KeyFolder | undefined;
}

/** Settings with a fault of their own are left alone. */
export async function readDomains(
  domainFiles: readonly DomainFile[],
  { own, before, keys }: Surroundings = {},
): Promise<DomainsReading> {
  const problems: Problem[] = nameProblems(domainFiles);
  const domains: Domain[] = [];
  for (const domainFile of domainFiles) {
    const { settings, problemAt, isSound } = domainFile;
    if (isSound('destination')) {
      for (const { path, text } of destinationFaults(settings.destination, own)) {
        problems.push(problemAt(['destination', ...path], text));
      }
      if ('split' in settings.destination && settings.recipients !== 'callout') {
        const text = 'a split destination needs callout: only the servers know who is on which';
        problems.push(problemAt(['recipients'], text));
      }
    }
    const names = namesOf(domainFile).map(({ name }) => name);
    if (isSound('spam')) problems.push(...spamProblems(domainFile));
    if (isSound('domain', 'aliases', 'spam')) problems.push(...mailboxProblems(domainFile, names));
    const known = before?.find(domainFile.settings.domain)?.recipients;
    const source = await readRecipients(domainFile, names, known);
    if (isSound('domain', 'aliases', 'recipients')) problems.push(...source.problems);
    const { signing, problems: ofKeys } = await readSigning(domainFile, keys);
    if (isSound('domain', 'aliases', 'outgoing', 'dkim')) problems.push(...ofKeys);
    domains.push(buildDomain(domainFile, source.recipients, signing));
  }
  const senders = domainFiles.filter(({ isSound }) => isSound('domain', 'aliases', 'outgoing'));
  problems.push(...accountProblems(senders));
  return { domains: withSharedLimits(domains), problems };
}

function buildDomain(
  domainFile: DomainFile,
  recipients: Domain['recipients'],
  signing: Domain['signing'],
): Domain {
  const { file, settings, pluginOptions } = domainFile;
  const { outage, virus } = settings;
  const name = asciiDomain(settings.domain);
  const servers =
    'split' in settings.destination ? settings.destination.split.map(buildDestination) : undefined;
  const destination =
    'split' in settings.destination
      ? partedDestination(`split:${name}`)
      : buildDestination(settings.destination);
  const laneOf = ({ key }: Domain['destination']) => `${name}/${key}`;
  const services = new Set(settings.services ?? SERVICES);
  const { subject_tag: subjectTag } = settings.spam;
  const spam = {
    ...thresholdsOf(settings.spam),
    ...(subjectTag !== undefined && { subjectTag }),
  };
  const policy = { services: [...services].toSorted(), virus, outage, pluginOptions };
  const groupOf = (judgedBy: SpamPolicy) =>
    `${wayKey(destination)} ${canonical({ ...policy, spam: judgedBy })}`;
  const domain: Domain = {
    name,
    lane: name,
    lanes: [name, ...(servers ?? []).map(laneOf)],
    aliases: settings.aliases.map(asciiDomain),
    destination,
    recipients,
    outage,
    services,
    spam,
    virus,
    quota: {
      messages: settings.queue.max_messages ?? Infinity,
      bytes: settings.queue.max_bytes ?? Infinity,
    },
    pluginOptions,
    caseSensitiveLocalParts: settings.case_sensitive_local_parts,
    contact: settings.contact,
    ...(settings.support !== undefined && { support: settings.support }),
    reportLanguage: settings.report_language,
    queue: buildQueueOverride(settings),
    outgoing: buildOutgoing(domainFile),
    signing,
    policyGroup: groupOf(spam),
    ...readMailboxes(domainFile, spam, groupOf),
    file,
  };
  if (servers === undefined) return domain;
  const split = servers.map((server) => {
    return { ...domain, lane: laneOf(server), destination: server };
  });
  return { ...domain, split };
}

/** JSON in which the order of members does not count. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

interface Name {
  readonly name: string;
  readonly path: Path;
}

function namesOf({ settings, isSound }: DomainFile): Name[] {
  const { domain } = settings;
  return [
    ...(isSound('domain') ? [{ name: asciiDomain(domain), path: ['domain'] }] : []),
    ...settings.aliases.map((alias, index) => ({
      name: asciiDomain(alias),
      path: ['aliases', index],
    })),
  ];
}

function nameProblems(domainFiles: readonly DomainFile[]): Problem[] {
  const owners = new Map<string, Problem>();
  const problems: Problem[] = [];
  for (const domainFile of domainFiles) {
    for (const { name, path } of namesOf(domainFile)) {
      const owner = owners.get(name);
      if (owner === undefined) {
        owners.set(name, domainFile.problemAt(path, ''));
        continue;
      }
      const place = `${basename(owner.file)}:${owner.line}:${owner.col}`;
      problems.push(
        domainFile.problemAt(path, `${name} is served already, see ${place} (${owner.path})`),
      );
    }
  }
  return problems;
}

/** The thresholds must rise, or some of them never count. */
function spamProblems({ settings: { spam }, problemAt }: DomainFile): Problem[] {
  const ofMailboxes = spam.mailboxes.map((own, index) => {
    return { scores: { ...spam, ...own }, at: ['spam', 'mailboxes', index] };
  });
  return [{ scores: spam, at: ['spam'] }, ...ofMailboxes].flatMap(({ scores, at }) => {
    const steps = THRESHOLDS.filter((step) => scores[step] !== null);
    return steps.flatMap((step, index) => {
      const next = steps[index + 1];
      if (next === undefined || (scores[step] ?? 0) <= (scores[next] ?? 0)) return [];
      return [
        problemAt([...at, step], `${scores[step]} is above ${next}, which is ${scores[next]}`),
      ];
    });
  });
}
