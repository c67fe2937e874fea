/**
 * A weekend in fast motion: mail for many customers, some of whose servers go down and come back,
 * greylist, put off, refuse, break off and stay silent after the dot. In the end every message that
 * got a 250 has its end: at its destination, or held for a person; twice only where the destination
 * broke off after it had everything. `npm run weekend` sends 100,000 to 50 destinations.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arrived, Behaviour } from '../support/destination.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SmtpTalk, stuffed } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MESSAGES = Number(process.env['MESSAGES'] ?? 1000);
const DESTINATIONS = Number(process.env['DESTINATIONS'] ?? 10);
const TROUBLED = Math.ceil(DESTINATIONS / 5);
const SENDERS = 20;
/** A mood of a destination lasts so many messages of all. */
const MOOD_MESSAGES = Math.ceil(MESSAGES / 12);
const PATIENCE_MS = 60_000 + MESSAGES * 5;

type Mood = 'well' | 'down' | 'greylisting' | 'busy' | 'refusing' | 'breaking' | 'silent';
const MOODS: readonly Mood[] = [
  'down',
  'greylisting',
  'busy',
  'refusing',
  'breaking',
  'silent',
  'down',
  'well',
];

const token = (arrived: Arrived) => /token (\S+)\r/.exec(arrived.content.toString())?.[1] ?? '?';

/** A customer's server with moods. */
class Customer {
  readonly domain: string;
  readonly destination: Destination;
  /** What it had whole when it broke off: it may come again. */
  readonly doubted = new Set<string>();
  readonly #seen = new Set<string>();

  constructor(number: number) {
    this.domain = `customer${number}.test`;
    this.destination = new Destination();
  }

  async become(mood: Mood): Promise<void> {
    if (mood === 'down') return this.destination.stop();
    this.destination.behaviour = this.#behaviour(mood);
    await this.destination.start();
  }

  #behaviour(mood: Mood): Behaviour {
    switch (mood) {
      case 'well':
      case 'down':
        return {};
      case 'greylisting':
        return {
          rcpt: (address) => {
            if (this.#seen.has(address)) return '250 2.1.5 Ok';
            this.#seen.add(address);
            return '451 4.7.1 Greylisted, come again';
          },
        };
      case 'busy':
        return { mail: () => '421 4.3.2 Too many connections' };
      case 'refusing':
        return { final: (arrived) => (token(arrived).endsWith('7') ? '550 5.7.1 No' : '250 Ok') };
      case 'breaking':
        return { data: () => 'close' };
      case 'silent':
        return {
          final: (arrived) => {
            if (!token(arrived).endsWith('3') || this.doubted.has(token(arrived))) return '250 Ok';
            this.doubted.add(token(arrived));
            this.destination.arrived.push(arrived);
            return 'close';
          },
        };
    }
  }
}

test(`a weekend: ${MESSAGES} messages to ${DESTINATIONS} destinations`, async () => {
  const random = seededRandom(7);
  const customers = Array.from({ length: DESTINATIONS }, (_, number) => new Customer(number));
  for (const { destination } of customers) await destination.start();
  const gateway = await Gateway.run({
    node: `queue: { retry: [1s, 2s], lifetime: 1h, probe: 1s }
limits: { connections_per_client: 500, min_free_space: 1MiB }`,
    domains: Object.fromEntries(
      customers.map(({ domain, destination }) => [
        domain,
        domainFile(destination.port, {}, domain),
      ]),
    ),
  });
  /** Token of each message that got a 250, with its customer. */
  const accepted = new Map<string, Customer>();
  let sent = 0;
  const changeMoods = async () => {
    for (const customer of customers.slice(0, TROUBLED))
      await customer.become(MOODS[Math.floor(random() * MOODS.length)] ?? 'well');
  };
  const sender = async () => {
    const talk = await SmtpTalk.greeted(gateway.port());
    while (sent < MESSAGES) {
      const number = sent++;
      if (number % MOOD_MESSAGES === 0) await changeMoods();
      const customer = customers[number % customers.length];
      assert.ok(customer !== undefined);
      const name = `m${number}`;
      await talk.say(`MAIL FROM:<sender${number}@far.test>`);
      await talk.say(`RCPT TO:<user${number % 50}@${customer.domain}>`);
      if (!(await talk.say('DATA')).startsWith('354')) {
        await talk.say('RSET');
        continue;
      }
      talk.write(stuffed(`Subject: ${name}\r\n\r\ntoken ${name}\r\n`));
      if ((await talk.reply()).startsWith('250')) accepted.set(name, customer);
      // The log of a long weekend is more than is needed here.
      if (number % 1000 === 0) gateway.lines.splice(20);
    }
    talk.socket.end();
  };
  try {
    await Promise.all(Array.from({ length: SENDERS }, sender));
    for (const customer of customers) await customer.become('well');
    assert.ok(accepted.size > MESSAGES / 2);
    const held = await until(
      'all that can be delivered to be delivered',
      async () => {
        const { stdout } = await gateway.cli('queue', 'list', '--json');
        const queue = stdout.split('\n').filter((line) => line !== '');
        const messages = queue.map((line) => JSON.parse(line) as { id: string; state: string });
        return messages.every(({ state }) => state === 'hold') ? messages : undefined;
      },
      PATIENCE_MS,
    );
    const heldTokens = new Set<string>();
    for (const { id } of held) {
      const { stdout } = await gateway.cli('queue', 'show', id, '--raw');
      heldTokens.add(/token (\S+)\r/.exec(stdout)?.[1] ?? '?');
    }
    const copies = new Map<string, number>();
    for (const { destination } of customers)
      for (const arrived of destination.arrived)
        copies.set(token(arrived), (copies.get(token(arrived)) ?? 0) + 1);
    for (const [name, customer] of accepted) {
      const count = copies.get(name) ?? 0;
      assert.ok(count > 0 || heldTokens.has(name), `${name} is lost`);
      assert.ok(count <= 1 || customer.doubted.has(name), `${name} came ${count} times`);
    }
    assert.equal(gateway.events('dsn.out').length, 0);
    assert.equal(gateway.events('crash').length, 0);
  } finally {
    await gateway.remove();
    for (const { destination } of customers) await destination.stop();
  }
});
