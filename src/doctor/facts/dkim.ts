/** Which records of the keys of a domain the DNS has. */
import type { NamedKey } from '../../dkim/key-folder.ts';
import { recordFault, recordName } from '../../dkim/record.ts';
import type { KeysOfDomain } from '../../dkim/signer.ts';
import { neededKeys } from '../../dkim/signer.ts';
import type { FilterResolver } from '../../dns/resolver.ts';

export interface KeyFacts {
  readonly key: NamedKey;
  /** Of its record, without a final dot. */
  readonly name: string;
  /** Another one signs in its place, or will. */
  readonly isOld: boolean;
  readonly state: 'matches' | 'missing' | 'differs' | 'unsure';
  /** What is wrong. */
  readonly text: string;
}

export async function findDkim(keys: KeysOfDomain, resolver: FilterResolver): Promise<KeyFacts[]> {
  const needed = neededKeys(keys);
  return Promise.all(
    keys.all.map(async (key): Promise<KeyFacts> => {
      const name = recordName(keys.domain, key.selector);
      const about = { key, name, isOld: !needed.includes(key) };
      const lookup = await resolver.txt(name);
      if (lookup.kind === 'unsure') return { ...about, state: 'unsure', text: lookup.text };
      const texts = lookup.kind === 'found' ? lookup.records : [];
      const text = recordFault(texts, key.key);
      if (text === undefined) return { ...about, state: 'matches', text: '' };
      return { ...about, state: texts.length === 0 ? 'missing' : 'differs', text };
    }),
  );
}
