/** The sockets of the daemon: each hands its connections to the one API server. */
import { rm } from "node:fs/promises";
import net from "node:net";
import tls from "node:tls";
import type { ApiServer } from "../api/server.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import { FIRST_PASSED_FD, isLoopback, type ListenAddress, listenAddressText } from "./listen-address.ts";
import type { Log } from "./log.ts";
import { readTlsFiles } from "./option-checks.ts";
import type { DaemonOptions, TlsOptions } from "./options.ts";
import { clearSocketPath, findGroupId, isListening, protectSocket } from "./unix-socket.ts";

/** Where tools look that know only Docker. */
const DOCKER_SOCKET = "/var/run/docker.sock";

export class Listeners {
  readonly #servers: net.Server[] = [];
  readonly #connections = new Set<net.Socket>();
  readonly #socketFiles: string[] = [];

  constructor(
    private readonly api: ApiServer,
    private readonly log: Log,
  ) {}

  /**
   * Opens every address of the options.
   * @throws conflict, invalid or unavailable naming the address; what was opened before stays open until close().
   */
  async open(options: DaemonOptions): Promise<void> {
    const groupId = await this.#socketGroup(options);
    for (const address of options.listen) {
      try {
        await this.#openOne(address, options, groupId);
      } catch (error) {
        if (error instanceof NaruError) throw error;
        throw new NaruError("unavailable", `cannot listen on ${listenAddressText(address)}: ${errorText(error)}`);
      }
      this.log.info("listening", { address: listenAddressText(address) });
    }
    if (options.dockerSocket) await this.#openDockerSocket(groupId);
  }

  /** Takes no more connections and removes the socket files; those that are open go on. */
  async stopAccepting(): Promise<void> {
    for (const server of this.#servers) server.close();
    await Promise.all(this.#socketFiles.map((path) => rm(path, { force: true })));
  }

  /** Ends every connection at once. */
  cutConnections(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  async #openOne(address: ListenAddress, options: DaemonOptions, groupId: number): Promise<void> {
    if (address.kind === "unix") return this.#openUnix(address.path, groupId);
    if (address.kind === "tcp") return this.#openTcp(address, options.tls);
    return this.#openPassed(address);
  }

  async #openPassed({ which }: ListenAddress & { kind: "fd" }): Promise<void> {
    const count = passedSocketCount();
    if (count === 0) {
      throw new NaruError(
        "unavailable",
        "no sockets found via socket activation: make sure the service was started by systemd",
      );
    }
    const end = FIRST_PASSED_FD + count;
    if (which !== undefined && which >= end) {
      throw new NaruError("unavailable", `systemd handed over ${count} sockets: there is no descriptor ${which}`);
    }
    const wanted = which === undefined ? Array.from({ length: count }, (_, at) => FIRST_PASSED_FD + at) : [which];
    for (const fd of wanted) await this.#listen(this.#plainServer(), { fd });
  }

  async #openUnix(path: string, groupId: number): Promise<void> {
    await clearSocketPath(path);
    // Nobody but root may connect before the mode is set.
    const mask = process.umask(0o177);
    try {
      await this.#listen(this.#plainServer(), { path });
    } finally {
      process.umask(mask);
    }
    this.#socketFiles.push(path);
    await protectSocket(path, groupId);
  }

  async #openTcp(address: ListenAddress & { kind: "tcp" }, tlsOptions: TlsOptions | undefined): Promise<void> {
    const { host, port } = address;
    if (!tlsOptions?.verify) {
      if (!isLoopback(host)) {
        throw new NaruError(
          "invalid",
          `${listenAddressText(address)} would give root on this machine to everyone who reaches it: ` +
            "use --tlsverify with --tlscacert, --tlscert and --tlskey",
        );
      }
      this.log.warn("every user and program of this machine has root through this address", {
        address: listenAddressText(address),
      });
    }
    const server = tlsOptions === undefined ? this.#plainServer() : await this.#tlsServer(tlsOptions);
    await this.#listen(server, { host, port });
  }

  async #openDockerSocket(groupId: number): Promise<void> {
    if (await isListening(DOCKER_SOCKET)) {
      this.log.warn("--docker-socket: another process listens there; naru leaves it alone", { path: DOCKER_SOCKET });
      return;
    }
    await this.#openUnix(DOCKER_SOCKET, groupId);
    this.log.info("listening", { address: `unix://${DOCKER_SOCKET}` });
  }

  #plainServer(): net.Server {
    return net.createServer({ allowHalfOpen: true }, (socket) => this.#adopt(socket));
  }

  async #tlsServer(options: TlsOptions): Promise<net.Server> {
    const server = tls.createServer(
      {
        ...(await readTlsFiles(options)),
        requestCert: options.verify,
        rejectUnauthorized: options.verify,
        minVersion: "TLSv1.2",
        ALPNProtocols: ["http/1.1"],
      },
      (socket) => this.#adopt(socket),
    );
    server.on("tlsClientError", (error) => this.log.debug("TLS handshake failed", { reason: errorText(error) }));
    return server;
  }

  #adopt(socket: net.Socket): void {
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
    this.api.adopt(socket);
  }

  #listen(server: net.Server, where: net.ListenOptions | { fd: number }): Promise<void> {
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(where, () => {
        server.off("error", reject);
        server.on("error", (error) => this.log.error("a listener failed", { reason: errorText(error) }));
        resolve();
      });
    });
  }

  async #socketGroup(options: DaemonOptions): Promise<number> {
    const id = await findGroupId(options.group);
    if (id !== undefined) return id;
    const message = "the group of the sockets does not exist: only root can connect";
    if (options.isGroupGiven) this.log.warn(message, { group: options.group });
    else this.log.debug(message, { group: options.group });
    return 0;
  }
}

function passedSocketCount(): number {
  if (process.env.LISTEN_PID !== undefined && process.env.LISTEN_PID !== String(process.pid)) return 0;
  return Number(process.env.LISTEN_FDS ?? 0);
}
