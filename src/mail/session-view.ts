/** What may be known of an SMTP session from outside `smtp/`: read-only, no way to the socket. */
export interface SessionView {
  readonly sid: string;
  /** Name of the listener in the configuration. */
  readonly listener: string;
  readonly remote: { readonly address: string; readonly port: number };
  /** The proxy that brings the connection; `remote` is the client behind it. */
  readonly via?: string;
  readonly local: { readonly address: string; readonly port: number };
  readonly openedAt: number;
  readonly tls: TlsView | undefined;
  /** Who has logged in. */
  readonly login: { readonly user: string; readonly mechanism: string } | undefined;
  readonly hello: { readonly verb: 'HELO' | 'EHLO'; readonly name: string } | undefined;
}

export interface TlsView {
  /** `TLSv1.3` */
  readonly protocol: string;
  readonly cipher: string;
}
