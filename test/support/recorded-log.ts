/** A log that keeps what it is told. */
import type { EventName, Fields, Level, Log } from '../../src/base/log.ts';

export interface LoggedEvent {
  readonly evt: EventName;
  readonly fields: Fields;
  readonly level: Level | undefined;
}

export class RecordedLog implements Log {
  readonly events: LoggedEvent[] = [];

  emit(evt: EventName, fields: Fields = {}, level?: Level): void {
    this.events.push({ evt, fields, level });
  }
  enabled(): boolean {
    return true;
  }
  of(evt: EventName): readonly Fields[] {
    return this.events.filter((event) => event.evt === evt).map((event) => event.fields);
  }
}
