/**
 * The registry's listening address. Bun's server cannot change its certificate, so a renewed one gets a server of its own on
 * the same port (SO_REUSEPORT); the old one takes no more connections and lets its requests end.
 */
import net from "node:net";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { TlsSettings } from "../config/registry-settings.ts";
import { RegistryServer } from "../http/registry-server.ts";
import type { RegistryHandler } from "../http/request-handler.ts";
import { type LoadedTls, loadTls, tlsStamp } from "./certificate-files.ts";

const LOOK_EVERY_MS = 5000;

interface ListenerOptions {
  host: string;
  port: number;
  tls: TlsSettings | undefined;
  /** Where a self-signed pair is kept. */
  root: string;
  graceMs: number;
  log: {
    info(message: string, fields?: Record<string, unknown>): void;
    error(message: string, fields?: Record<string, unknown>): void;
  };
}

export class RegistryListener {
  #stamp = "";
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #ending = new Set<Promise<void>>();

  private constructor(
    private readonly options: ListenerOptions,
    private readonly handler: RegistryHandler,
    private server: RegistryServer,
    readonly loadedTls: LoadedTls | undefined,
  ) {}

  /** @throws {NaruError} unavailable when the address is taken, invalid for certificates that cannot be used */
  static async open(options: ListenerOptions, handler: RegistryHandler): Promise<RegistryListener> {
    const { host, port, tls, root } = options;
    if (tls === undefined)
      return new RegistryListener(options, handler, RegistryServer.listen({ host, port }, handler), undefined);
    const loaded = await loadTls(tls, root);
    // With SO_REUSEPORT a second server of the same user would get a share of the connections instead of an error.
    await checkFree(host, port);
    const server = RegistryServer.listen({ host, port, tls: loaded.options, reusePort: true }, handler);
    const listener = new RegistryListener(options, handler, server, loaded);
    listener.#stamp = await tlsStamp(tls);
    listener.#timer = setInterval(() => void listener.#look(), LOOK_EVERY_MS);
    listener.#timer.unref();
    return listener;
  }

  get port(): number {
    return this.server.port;
  }

  /** Takes a changed certificate over. One that cannot be used is told, and the old one stays. */
  async renew(): Promise<void> {
    const { host, tls, root, log, graceMs } = this.options;
    if (tls === undefined) return;
    try {
      const loaded = await loadTls(tls, root);
      const next = RegistryServer.listen({ host, port: this.port, tls: loaded.options, reusePort: true }, this.handler);
      const old = this.server;
      this.server = next;
      // Connections that the kernel has given to the old socket and nobody has accepted are cut when it closes. Right after
      // the loop has looked for connections there are the fewest.
      await new Promise((resolve) => setImmediate(resolve));
      const ended = old.stop(graceMs).finally(() => this.#ending.delete(ended));
      this.#ending.add(ended);
      log.info("the certificate was renewed", { until: loaded.until, fingerprint: loaded.fingerprint });
    } catch (error) {
      log.error("the new certificate was refused; the old one stays", { reason: errorText(error) });
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.server.stop(this.options.graceMs), ...this.#ending]);
  }

  async #look(): Promise<void> {
    const stamp = await tlsStamp(this.options.tls!);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    await this.renew();
  }
}

async function checkFree(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const probe = net.createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", (error) =>
      reject(new NaruError("unavailable", `cannot listen on ${host}:${port}: ${errorText(error)}`)),
    );
    probe.listen({ host, port }, () => probe.close(() => resolve()));
  });
}
