/** The level of the log, for the control port. */
import type { LogLevels } from '../base/log-levels.ts';
import { isNetwork, networkTest } from '../config/endpoint.ts';
import type { LogLevelView } from '../control/log-level-view.ts';

export function logLevelView(levels: LogLevels): LogLevelView {
  return {
    state() {
      const { level, focus } = levels;
      if (focus === undefined) return { level, focus };
      const { clients, until } = focus;
      return {
        level,
        focus: { level: focus.level, until, ...(clients && { ip: clients.text }) },
      };
    },
    focus(wish) {
      const ip = wish?.ip;
      if (wish === undefined || ip === undefined) levels.set(wish);
      else if (isNetwork(ip))
        levels.set({ ...wish, clients: { text: ip, includes: networkTest([ip]) } });
      else return false;
      return true;
    },
  };
}
