/** What the state of a destination means for its mail, and what its administrator should look at. */
import type { Health } from './destination-health.ts';

/** Undefined when nobody has to do anything. */
export function stateAdvice(state: Health['state']): string | undefined {
  switch (state) {
    case 'up':
      return undefined;
    case 'slow':
      return 'it takes mail, but 10 seconds or more for an answer: look at the load, the disk and the content filters of that server';
    case 'refusing':
      return 'it answers and puts our mail off time after time, and its last answers say why: a full disk, a look-up that fails, a rule of its own; each message goes on at its retry times, and the first that is taken ends this';
    case 'down':
      return 'nobody answers: look whether that server runs, and whether a firewall or a changed address stands between; it is asked again and again, and what waits follows as soon as it answers';
  }
}
