/** `sluice queue`: everything about messages that wait. */
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addHolds } from './destination.ts';
import { addQueueActions } from './queue-actions.ts';
import { addQueueExport } from './queue-export.ts';
import { addQueueList } from './queue-list.ts';
import { addQueueState } from './queue-state.ts';
import { addQueueShow } from './queue-show.ts';

export function addQueue(program: Command, cli: Cli): void {
  const queue = program.command('queue').description('messages that wait for their destination');
  addQueueList(queue, cli);
  addQueueShow(queue, cli);
  addQueueActions(queue, cli);
  addQueueState(queue, cli);
  addHolds(queue, cli, 'pause', 'hold the mail of one domain', true);
  addQueueExport(queue, cli);
}
