/** The agents that `--ssh` forwards: the user's own, another socket, or keys in an agent of the build's own. */
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { ByteChannel } from "../../lib/build-channels.ts";
import { CliError } from "../cli-error.ts";
import { cut } from "../csv.ts";

const START_MS = 2000;

export class SshAgents {
  private readonly undo: (() => void)[] = [];

  private constructor(private readonly sockets: ReadonlyMap<string, string>) {}

  /** Throws CliError when there is no such socket or key. */
  static async open(texts: readonly string[]): Promise<SshAgents> {
    const sockets = new Map<string, string>();
    const agents = new SshAgents(sockets);
    try {
      for (const text of texts) {
        const [id, paths = ""] = cut(text, "=");
        sockets.set(id || "default", await agents.socketOf(id || "default", paths.split(",").filter(Boolean)));
      }
    } catch (error) {
      agents.close();
      throw error;
    }
    return agents;
  }

  get ids(): string[] {
    return [...this.sockets.keys()];
  }

  /** Joins the channel with a new connection to the agent until one of them ends. Throws CliError. */
  async connect(id: string, channel: ByteChannel): Promise<void> {
    const ended = Promise.withResolvers<void>();
    const waiting: Uint8Array[] = [];
    let wake = () => {};
    const socket = await Bun.connect({
      unix: this.sockets.get(id) ?? "",
      socket: {
        data: (_socket, data) => void channel.write(new Uint8Array(data)).catch(() => socket.end()),
        drain: () => wake(),
        close: () => ended.resolve(),
        error: () => ended.resolve(),
      },
    }).catch((error) => {
      throw new CliError(`the SSH agent ${id} does not answer: ${(error as Error).message}`);
    });
    const sending = (async () => {
      for await (const data of channel.bytes()) {
        waiting.push(data);
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const sent = socket.write(next);
          if (sent === next.length) continue;
          waiting.unshift(next.subarray(Math.max(0, sent)));
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    })();
    void sending.catch(() => {}).then(() => socket.end());
    void ended.promise.then(() => channel.end());
  }

  close(): void {
    for (const undo of this.undo.splice(0).reverse()) undo();
  }

  private async socketOf(id: string, paths: readonly string[]): Promise<string> {
    if (paths.length === 0) {
      const own = process.env.SSH_AUTH_SOCK ?? "";
      if (own !== "") return own;
      throw new CliError(
        `invalid empty ssh agent socket for ${id}: start an agent and add keys to it, or name keys as --ssh ${id}=KEY`,
      );
    }
    const places = paths.map((path) => path.replace(/^~(?=\/|$)/, homedir()));
    for (const place of places) if (!existsSync(place)) throw new CliError(`--ssh ${id}: ${place} does not exist`);
    const [first = ""] = places;
    const isSocket = statSync(first).isSocket();
    if (isSocket && places.length > 1) throw new CliError(`--ssh ${id} names several sockets: give one, or keys`);
    return isSocket ? first : await this.agentWithKeys(id, places);
  }

  /** An agent that ends with the build. */
  private async agentWithKeys(id: string, keys: readonly string[]): Promise<string> {
    const directory = mkdtempSync(join(tmpdir(), "naru-ssh-"));
    this.undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const socket = join(directory, "agent");
    if (Bun.which("ssh-agent") === null) {
      throw new CliError("keys need the programs ssh-agent and ssh-add: install openssh-client, or forward an agent");
    }
    const agent = Bun.spawn(["ssh-agent", "-D", "-a", socket], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    this.undo.push(() => agent.kill());
    const deadline = performance.now() + START_MS;
    while (!existsSync(socket) && performance.now() < deadline) await Bun.sleep(5);
    const adding = Bun.spawn(["ssh-add", "-q", ...keys], {
      env: { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: "never" },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const complaint = (await new Response(adding.stderr).text()).trim();
    if ((await adding.exited) !== 0) throw new CliError(`failed to add the keys of --ssh ${id}: ${complaint}`);
    return socket;
  }
}
