/** `npm run corpus:replies`: how well replies that hinder us are told apart, and each that is not. */
import { hindranceIn } from '../src/delivery/hindrance-signs.ts';
import { labelledReplies, measure } from '../test/support/labelled-replies.ts';

const all = labelledReplies();
for (const label of ['greylists', 'limits'] as const) {
  const { replies, right, precision, recall } = measure(all, label);
  const of = `${right} of ${replies} among ${all.length} replies`;
  console.log(`${label}: ${of}, precision ${precision.toFixed(2)}, recall ${recall.toFixed(2)}`);
}
for (const { text, reply, label } of all) {
  const told = hindranceIn(reply) ?? 'neither';
  if (told !== label) console.log(`meant ${label}, told ${told}: ${text}`);
}
