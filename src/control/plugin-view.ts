/** What the API sees of a filter in force. */

export interface PluginView {
  readonly name: string;
  /** Comes with Sluice, or is the operator's own. */
  readonly source: 'shipped' | 'own';
  readonly file: string;
  /** Domains without this service are not filtered by it. */
  readonly service: 'spam' | 'virus' | undefined;
  /** `loaded`: there is no daemon behind it that could be down. */
  readonly state: 'loaded' | 'up' | 'down';
  readonly hooks: readonly string[];
  readonly onError: 'accept' | 'defer' | 'hold' | 'reject';
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  /** What the plugin itself says of how it is now. */
  readonly note?: string | undefined;
}
