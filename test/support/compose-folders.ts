/** Projects in folders of their own, and a daemon for them; all of it goes with `stop()`. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DOCKER, importBusybox, NARU, type RunOptions, run, startDaemon, type TestDaemon } from "./daemon.ts";

export class ComposeFolders {
  /** The project's that commands are run in. */
  folder: string;

  private constructor(
    readonly daemon: TestDaemon,
    readonly root: string,
  ) {
    this.folder = root;
  }

  /** A daemon with the image busybox. */
  static async open(): Promise<ComposeFolders> {
    const daemon = await startDaemon();
    await importBusybox(daemon);
    return new ComposeFolders(daemon, await mkdtemp(join(tmpdir(), "naru-compose-")));
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
    await rm(this.root, { recursive: true, force: true });
  }

  /** Makes a project; its folder is that of the commands from now on. */
  async use(name: string, yaml: string): Promise<void> {
    this.folder = join(this.root, name);
    await mkdir(this.folder, { recursive: true });
    await this.write("compose.yaml", yaml);
  }

  async write(path: string, text: string): Promise<void> {
    await Bun.write(join(this.folder, path), text);
  }

  options(given: RunOptions = {}): RunOptions {
    return { cwd: this.folder, ...given, env: { ...this.daemon.env, ...given.env } };
  }

  /** Runs `naru compose`. */
  readonly naru = (words: string[], given?: RunOptions) => run([NARU, "compose", ...words], this.options(given));
  /** Runs the real docker compose. */
  readonly docker = (words: string[], given?: RunOptions) => run([DOCKER, "compose", ...words], this.options(given));

  /** Starts a command that goes on; what it writes is gathered in `text`. */
  follow(words: string[]) {
    const child = Bun.spawn([NARU, "compose", ...words], {
      cwd: this.folder,
      env: { ...process.env, ...this.daemon.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const told = { text: "" };
    const gather = async (stream: ReadableStream<Uint8Array>) => {
      for await (const bytes of stream) told.text += new TextDecoder().decode(bytes);
    };
    const reading = Promise.all([gather(child.stdout), gather(child.stderr)]);
    return { child, told, ended: () => reading.then(() => child.exited) };
  }
}
