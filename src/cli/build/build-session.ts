/** The client's half of a build's connection: it sends the wish, hands events on, and answers what the daemon asks for. */
import { mkdir, open } from "node:fs/promises";
import { resolve } from "node:path";
import { BuildChannels, type ByteChannel } from "../../lib/build-channels.ts";
import { errorText } from "../../lib/errors.ts";
import type { UpgradedStream } from "../../lib/http-client.ts";
import type {
  BuildEnd,
  BuildWish,
  ClientCall,
  LoginAnswer,
  SecretAnswer,
  ToClient,
  ToDaemon,
  WireEvent,
} from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import type { ConfigFile } from "../config-file.ts";
import { fileErrorText } from "../file-error.ts";
import { writeOut } from "../output.ts";
import type { Destination } from "./outputs.ts";
import type { SshAgents } from "./ssh-agents.ts";

/** What the client has and the daemon may ask for. */
interface ClientSide {
  /** Absolute directories by name; "" is the main context. */
  directories: ReadonlyMap<string, string>;
  input: AsyncIterable<Uint8Array> | undefined;
  readSecret(id: string): Uint8Array | undefined;
  agents: SshAgents | undefined;
  config(): Promise<ConfigFile>;
  destinations: readonly (Destination | undefined)[];
  cacheSources: readonly (string | undefined)[];
  cacheTargets: readonly (string | undefined)[];
}

/** Docker Hub's name in references, and its key in docker's configuration. */
const HUB = "docker.io";

export class BuildSession {
  private readonly channels: BuildChannels;
  private readonly ended = Promise.withResolvers<BuildEnd>();
  private readonly answering = new Set<Promise<void>>();

  constructor(
    stream: UpgradedStream,
    private readonly side: ClientSide,
    private readonly onEvents: (events: WireEvent[]) => void,
  ) {
    this.channels = new BuildChannels({ read: () => stream.read(), write: (data) => stream.write(data) }, (message) =>
      this.take(message as ToClient),
    );
  }

  /** Resolves to how the build ended. Throws CliError when the connection breaks. */
  async run(wish: BuildWish): Promise<BuildEnd> {
    this.tell({ type: "build", wish });
    const broken = (error?: unknown) => {
      const reason = error === undefined ? "it has hung up" : errorText(error);
      this.ended.reject(new CliError(`the connection to the daemon broke during the build: ${reason}`));
    };
    this.channels.run().then(() => broken(), broken);
    const end = await this.ended.promise;
    await Promise.all(this.answering);
    return end;
  }

  /** Asks the daemon to end the build; it answers when nothing of it is left. */
  cancel(): void {
    this.tell({ type: "cancel" });
  }

  private tell(message: ToDaemon): void {
    this.channels.send(message);
  }

  private take(message: ToClient): void {
    if (message.type === "events") this.onEvents(message.list);
    else if (message.type === "call") this.answerCall(message.id, message.call);
    else this.ended.resolve(message);
  }

  private answerCall(id: number, call: ClientCall): void {
    const answer = (value: unknown) => this.tell({ type: "answer", id, value });
    const channel = this.channels.channel(id);
    const work = this.answer(call, channel, answer).catch((error) => {
      this.tell({ type: "refusal", id, message: errorText(error) });
      // Whoever has the answer already waits for bytes.
      channel.fail(errorText(error));
    });
    this.answering.add(work);
    void work.then(() => this.answering.delete(work));
  }

  private async answer(call: ClientCall, channel: ByteChannel, answer: (value: unknown) => void): Promise<void> {
    switch (call.name) {
      case "files": {
        const { sendFiles } = await import("./send-files.ts");
        await sendFiles(this.directoryOf(call.source), call, channel, answer);
        return;
      }
      case "input":
        for await (const chunk of this.side.input ?? []) await channel.write(chunk);
        channel.end();
        return answer(null);
      case "secret": {
        const secret = this.side.readSecret(call.id);
        return answer((secret ? Buffer.from(secret).toString("base64") : null) satisfies SecretAnswer);
      }
      case "agent":
        await this.side.agents?.connect(call.id, channel);
        return answer(null);
      case "login":
        return answer(await this.findLogin(call.host));
      case "output":
        return answer(await this.takeOutput(this.side.destinations[call.output], channel));
      case "cache": {
        const path = this.side.cacheTargets[call.target] ?? "";
        return answer(await this.takeOutput({ kind: "layout", path }, channel));
      }
    }
  }

  private directoryOf(source: Extract<ClientCall, { name: "files" }>["source"]): string {
    const { directories, cacheSources } = this.side;
    const found =
      source.kind === "cache"
        ? cacheSources[source.origin]
        : directories.get(source.kind === "context" ? "" : source.name);
    if (found === undefined) throw new CliError(`the build has no directory for ${JSON.stringify(source)}`);
    return found;
  }

  private async findLogin(host: string): Promise<LoginAnswer> {
    const { findLogin, HUB_KEY } = await import("../credential-store.ts");
    return (await findLogin(await this.side.config(), host === HUB ? HUB_KEY : host)) ?? null;
  }

  private async takeOutput(destination: Destination | undefined, channel: ByteChannel): Promise<null> {
    if (destination === undefined) throw new CliError("the build has no place for this output");
    if (destination.kind === "stdout") for await (const chunk of channel.bytes()) writeOut(chunk);
    else if (destination.kind === "file") await writeFile(destination.path, channel);
    else if (destination.kind === "layout") {
      const { mergeLayout } = await import("./layout-directory.ts");
      await mergeLayout(destination.path, () => unpackInto(destination.path, channel));
    } else await unpackInto(destination.path, channel);
    return null;
  }
}

async function writeFile(path: string, channel: ByteChannel): Promise<void> {
  try {
    const file = await open(path, "w");
    try {
      // All of it: write() may take a part when the disk is nearly full.
      for await (const chunk of channel.bytes()) await file.appendFile(chunk);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw (error as { code?: string }).code ? new CliError(fileErrorText("open", path, error)) : error;
  }
}

async function unpackInto(folder: string, channel: ByteChannel): Promise<void> {
  const { unpackArchive } = await import("../copy/unpack.ts");
  await mkdir(folder, { recursive: true });
  await unpackArchive(channel.bytes(), { folder: resolve(folder), rename: undefined });
}
