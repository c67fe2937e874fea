/**
 * Postfix with clamd and spamd as its administrators have them: clamav-milter and spamass-milter, the
 * latter with a spamc for each message. Both ask the scanners of the benchmark.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, launch, terminate } from './peer.ts';
import type { RunningPeer, Scene } from './peer.ts';
import { postfix } from './postfix.ts';
import type { Scanners } from './scanners.ts';

export interface RunningWithMilters extends RunningPeer {
  /** Roots of the process trees whose CPU counts: Postfix and its milters, without the scanners. */
  readonly pids: readonly number[];
}

export const postfixWithMilters = {
  name: 'postfix with milters',
  missing() {
    const programs = ['clamav-milter', 'spamass-milter', 'spamc'];
    if (programs.some((name) => spawnSync(name, ['-V']).error)) {
      return 'apt-get install clamav-milter spamass-milter spamc';
    }
    return postfix.missing();
  },
  async start(
    scene: Scene,
    { clamdPort, spamdPort }: Pick<Scanners, 'clamdPort' | 'spamdPort'>,
  ): Promise<RunningWithMilters> {
    const { folder } = scene;
    const ports = [await freePort(), await freePort()] as const;
    const config = join(folder, 'clamav-milter.conf');
    writeFileSync(
      config,
      `Foreground yes\nMilterSocket inet:${ports[0]}@127.0.0.1\nClamdSocket tcp:127.0.0.1:${clamdPort}\n` +
        `OnInfected Reject\nAddHeader Replace\nTemporaryDirectory ${folder}\n`,
    );
    const socket = `inet:${ports[1]}@127.0.0.1`;
    const spamc = ['-d', '127.0.0.1', '-p', String(spamdPort)];
    const milters = [
      launch(folder, 'clamav-milter', ['--config-file', config]),
      launch(folder, 'spamass-milter', ['-p', socket, '-r', '15', '--', ...spamc]),
    ];
    const stop = async () => {
      await Promise.all(milters.map((milter) => terminate(milter)));
    };
    const mainCf = `smtpd_milters = ${ports.map((port) => `inet:127.0.0.1:${port}`).join(', ')}
milter_default_action = tempfail
`;
    try {
      const running = await postfix.start({ ...scene, mainCf });
      const pids = [running.pid, ...milters.map(({ pid }) => pid ?? 0)];
      return {
        ...running,
        pids,
        stop: async () => {
          await running.stop();
          await stop();
        },
      };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};
