/** The listening ports of the configuration, with one set of certificates for all of them. */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Ids } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Config, ListenerConfig } from '../config/config.ts';
import { networkTest } from '../config/endpoint.ts';
import type { ListenerView } from '../control/gateway-view.ts';
import type { StartConversation } from '../smtp/conversation.ts';
import type { ListenerSettings } from '../smtp/listener.ts';
import { SmtpListener } from '../smtp/listener.ts';
import type { CommandTimer } from '../smtp/session-settings.ts';
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../smtp/session-settings.ts';
import type { CertificateView } from '../smtp/tls-contexts.ts';
import { TlsContexts } from '../smtp/tls-contexts.ts';

export interface ListenersOptions {
  readonly config: () => Config;
  /** The data folder, where a self-made certificate is kept. */
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly begin: StartConversation;
  readonly onCommand: CommandTimer;
}

interface OpenPort {
  /** As it was when the port was bound: a reload does not change it. */
  readonly config: ListenerConfig;
  readonly name: string;
  readonly listener: SmtpListener;
  readonly address: string;
  readonly port: number;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #contexts: TlsContexts;
  #ports: OpenPort[] = [];

  constructor(options: ListenersOptions) {
    this.#options = options;
    const { folder, clock } = options;
    this.#contexts = new TlsContexts({ folder: join(folder, 'tls'), clock });
  }

  /** Binds every port, or none: rejects with `LISTEN_FAILED`. */
  async start(): Promise<void> {
    const { clock, ids, log, begin, onCommand } = this.#options;
    const config = this.#options.config();
    await this.#loadCertificate(config);
    try {
      for (const listenerConfig of config.listeners) {
        const { name, address, port, tls } = listenerConfig;
        const listener = new SmtpListener({
          name,
          address,
          port,
          tls,
          contexts: this.#contexts,
          settings: settingsOf(config, listenerConfig),
          clock,
          ids,
          log,
          begin,
          onCommand,
        });
        const bound = await listener.start();
        this.#ports.push({ config: listenerConfig, name, listener, ...bound });
      }
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /**
   * New settings and certificates for sessions and handshakes that begin from now on. Rejects, with
   * nothing changed, when the certificate cannot be used.
   */
  async reload(config: Config): Promise<void> {
    await this.#loadCertificate(config);
    for (const { listener, config: own } of this.#ports) {
      listener.reconfigure(settingsOf(config, own));
    }
  }

  async stop(graceMs: number): Promise<void> {
    await Promise.all(this.#ports.map(({ listener }) => listener.stop(graceMs)));
    this.#ports = [];
  }

  views(): ListenerView[] {
    return this.#ports.map(({ name, address, port, listener }) => ({
      name,
      address,
      port,
      sessions: listener.sessions,
    }));
  }

  connections(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#ports.map(({ name, listener }) => [name, listener.sessions]));
  }

  get certificate(): CertificateView | undefined {
    return this.#contexts.view;
  }

  async #loadCertificate(config: Config): Promise<void> {
    const files = config.tls && { cert: config.tls.certFile, key: config.tls.keyFile };
    await this.#contexts.load(config.hostname, files);
  }
}

function settingsOf(
  config: Config,
  { auth, authWithoutTls, proxyProtocol, xclient }: ListenerConfig,
): ListenerSettings {
  const { limits } = config;
  return {
    hostname: config.hostname,
    auth: auth === 'off' ? 'never' : authWithoutTls ? 'always' : 'over-tls',
    mayXclient: networkTest(xclient),
    limits: {
      ...DEFAULT_LIMITS,
      messageSize: limits.messageSizeBytes,
      recipients: limits.recipients,
    },
    timeouts: DEFAULT_TIMEOUTS,
    connections: limits.connections,
    connectionsPerClient: limits.connectionsPerClient,
    isProxy: networkTest(proxyProtocol),
  };
}
