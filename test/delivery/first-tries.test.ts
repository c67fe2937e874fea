/** Silent greylisting against everything else that makes a server say 4xx now and 250 later. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FirstTries } from '../../src/delivery/first-tries.ts';
import type { Reply } from '../../src/mail/reply.ts';

const MINUTE = 60_000;
const LATER: Reply = { code: 451, enhanced: '4.7.1', lines: ['Temporary failure'] };
const FULL: Reply = { code: 452, enhanced: '4.2.2', lines: ['Mailbox full'] };
const LOCKED: Reply = { code: 450, enhanced: '4.2.1', lines: ['Mailbox disabled'] };
const SYSTEM: Reply = { code: 451, enhanced: '4.3.0', lines: ['Backend trouble'] };

/** Minute, sender, reply; undefined: taken. */
type Step = readonly [minute: number, sender: string, putOff?: Reply];

function found(steps: readonly Step[]): number[] {
  const tries = new FirstTries();
  return steps.flatMap(([minute, sender, putOff]) => {
    const tried = { sender, recipient: 'anna@example.org', putOff };
    const said = tries.see('d', tried, minute * MINUTE);
    if (said !== undefined) assert.match(said, /^45\d /);
    return said === undefined ? [] : [minute];
  });
}

/** Who is known, and comes all the time. */
const KNOWN: readonly Step[] = [
  [0, 'known'],
  [5, 'known'],
];

const newcomer = (minute: number, sender: string, reply = LATER): Step[] => [
  [minute, 'known'],
  [minute, sender, reply],
  [minute + 1, sender, reply],
  [minute + 6, sender],
];

const CASES: readonly [what: string, steps: readonly Step[], at: readonly number[]][] = [
  [
    'newcomers are put off and taken later, known ones are taken at once',
    [...newcomer(10, 'a'), ...newcomer(20, 'b'), ...newcomer(30, 'c'), ...newcomer(40, 'd')],
    // The very first pair was a newcomer taken at once: it takes four.
    [46],
  ],
  ['two say too little', [...newcomer(10, 'a'), ...newcomer(20, 'b')], []],
  [
    'a server that was down for all, once',
    [
      ...['a', 'b', 'c', 'd', 'e'].map((sender): Step => [40, sender, LATER]),
      ...['a', 'b', 'c', 'd', 'e'].map((sender): Step => [50, sender]),
    ],
    [],
  ],
  [
    'known senders are put off as well',
    [10, 20, 30, 40, 50].flatMap((minute): Step[] => [
      ...newcomer(minute, `n${minute}`).slice(0, 3),
      [minute + 2, 'known', LATER],
      [minute + 6, `n${minute}`],
    ]),
    [],
  ],
  [
    'most newcomers are taken at once',
    [10, 20, 30, 40, 50, 60].flatMap((minute): Step[] => [
      [minute, `at-once-${minute}`],
      ...newcomer(minute, `n${minute}`),
    ]),
    [],
  ],
  [
    'replies about a mailbox or the server itself',
    [FULL, LOCKED, SYSTEM].flatMap((reply, n) => [
      ...newcomer(10 + n * 30, `a${n}`, reply),
      ...newcomer(20 + n * 30, `b${n}`, reply),
    ]),
    [],
  ],
  [
    'taken after many hours only',
    [10, 20, 30, 40, 50].flatMap((minute): Step[] => [
      [minute, 'known'],
      [minute, `n${minute}`, LATER],
      [minute + 600, `n${minute}`],
    ]),
    [],
  ],
];
for (const [what, steps, at] of CASES) {
  const inOrder = [...KNOWN, ...steps].toSorted((a, b) => a[0] - b[0]);
  test(what, () => assert.deepEqual(found(inOrder), at));
}
