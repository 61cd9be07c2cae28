/** `naru build`'s way in: one connection a build, on which client and daemon talk (model/build-exchange.ts). */
import { join } from "node:path";
import type { ContainerFiles } from "../../image/contract.ts";
import { BuildChannels, type ChannelTransport } from "../../lib/build-channels.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { sourceExcerpt } from "../../lib/source-excerpt.ts";
import type { BuildEnd, BuildWish, ToDaemon } from "../../model/build-exchange.ts";
import { arrivedContext, spoolContext } from "../classic/spooled-context.ts";
import type { KeptContexts } from "../contexts/kept-contexts.ts";
import { fetchRemoteContext, Peeked, temporaryContext } from "../contexts/remote-context.ts";
import { type Builder, BuildFailure, type ContextSource } from "../contract.ts";
import { ClientCalls, clientSession } from "./client-calls.ts";
import { ClientDirectory } from "./client-directory.ts";
import { EventSender } from "./event-sender.ts";
import { fileOf, requestOf, type WishedFiles } from "./wish-request.ts";

export interface CommandBuilds {
  /** Serves one build. Resolves when the connection has no more use. */
  serve(transport: ChannelTransport, signal: AbortSignal): Promise<void>;
}

interface CommandParts {
  builder: Builder;
  kept: KeptContexts;
  files: ContainerFiles;
  dataRoot: string;
  execRoot: string;
  instance: string;
  log: { error(message: string, fields?: Record<string, unknown>): void };
}

export function createCommandBuilds(parts: CommandParts): CommandBuilds {
  return { serve: (transport, signal) => serve(parts, transport, signal) };
}

async function serve(parts: CommandParts, transport: ChannelTransport, gone: AbortSignal): Promise<void> {
  const cancelling = new AbortController();
  const cancel = () => cancelling.abort(new NaruError("unavailable", "context canceled"));
  const wished = Promise.withResolvers<BuildWish>();
  const channels = new BuildChannels(transport, (message) => {
    const told = message as ToDaemon;
    if (told.type === "build") wished.resolve(told.wish);
    else if (told.type === "answer") calls.answered(told.id, told.value);
    else if (told.type === "refusal") calls.refused(told.id, told.message);
    else cancel();
  });
  const calls = new ClientCalls(channels);
  const reading = channels.run().then(
    () => wished.reject(new NaruError("unavailable", "the client has gone away")),
    (error) => wished.reject(error),
  );
  void reading.then(() => {
    cancel();
    calls.end();
  });
  gone.addEventListener("abort", cancel, { once: true });
  try {
    const wish = await wished.promise;
    channels.send(await new CommandBuild(parts, wish, channels, calls).run(cancelling.signal));
    await channels.flushed();
  } finally {
    gone.removeEventListener("abort", cancel);
  }
}

class CommandBuild {
  private readonly undo = new AsyncDisposableStack();
  private readonly events: EventSender;

  constructor(
    private readonly parts: CommandParts,
    private readonly wish: BuildWish,
    channels: BuildChannels,
    private readonly calls: ClientCalls,
  ) {
    this.events = new EventSender(channels, !wish.noCache);
  }

  /** Never throws: what went wrong is the answer. */
  async run(signal: AbortSignal): Promise<BuildEnd> {
    try {
      return await this.build(signal);
    } catch (error) {
      if (!(error instanceof NaruError) && !signal.aborted) {
        this.parts.log.error("a build failed in an unexpected way", { error: errorText(error) });
      }
      return failureOf(error, signal.aborted);
    } finally {
      await this.undo.disposeAsync();
      this.events.flush();
    }
  }

  private async build(signal: AbortSignal): Promise<BuildEnd> {
    const { wish, calls } = this;
    const files = await this.files(signal);
    const request = requestOf(
      wish,
      files,
      {
        named: (name) => this.directory(name, { kind: "named", name }),
        cache: (origin) => this.directory(`cache ${origin}`, { kind: "cache", origin }),
      },
      calls,
    );
    const result = await this.parts.builder.build(request, (event) => this.events.take(event), signal);
    this.events.flush();
    return {
      type: "result",
      ...(result.imageId ? { imageId: result.imageId } : {}),
      metadata: result.metadata,
      warnings: result.warnings,
      ...(result.answer ? { answer: result.answer } : {}),
    };
  }

  private directory(name: string, source: ConstructorParameters<typeof ClientDirectory>[1]): ContextSource {
    const { kept } = this.parts;
    const directory = new ClientDirectory(name, source, { calls: this.calls, kept, key: this.wish.key });
    this.undo.defer(() => directory.release());
    return directory;
  }

  /** The Dockerfile, what it leaves out, and the context; brought here where they are elsewhere. */
  private async files(signal: AbortSignal): Promise<WishedFiles> {
    const { wish } = this;
    const { context } = wish;
    const given = {
      ...(wish.dockerfile ? { dockerfile: fileOf(wish.dockerfile) } : {}),
      ...(wish.ignoreFile ? { ignoreFile: fileOf(wish.ignoreFile) } : {}),
    };
    if (context.type === "input" || context.type === "remote") {
      const found = context.type === "input" ? await this.input(signal) : await this.remote(context.address, signal);
      return { ...found, ...given };
    }
    const { dockerfile } = given;
    if (dockerfile === undefined) throw new NaruError("invalid", "the build names no Dockerfile");
    this.events.tellFile(
      `[internal] load build definition from ${dockerfile.name}`,
      "dockerfile",
      dockerfile.text.length,
    );
    if (context.type === "none") return { dockerfile };
    const { ignoreFile } = given;
    this.events.tellFile("[internal] load .dockerignore", "context", ignoreFile?.text.length ?? 0);
    const main = this.directory("context", { kind: "context" });
    return { dockerfile, context: main, ...(ignoreFile ? { ignoreFile } : {}) };
  }

  /** A tar, or a Dockerfile alone, from the client's standard input. */
  private async input(signal: AbortSignal): Promise<WishedFiles> {
    const { files, dataRoot } = this.parts;
    const { channel } = this.calls.start({ name: "input" });
    this.undo.defer(() => channel.close());
    const input = await Peeked.of(channel.bytes());
    const spooled = await spoolContext(files, join(dataRoot, "builder/contexts"), input.chunks(), signal);
    this.undo.defer(() => spooled.remove());
    return await this.arrived(spooled.directory);
  }

  private async remote(address: string, signal: AbortSignal): Promise<WishedFiles> {
    const { wish } = this;
    const { dataRoot, execRoot, instance, files } = this.parts;
    const scratch = join(dataRoot, "builder/contexts");
    const found = await this.events.showing(`[internal] load remote build context`, (tell) =>
      fetchRemoteContext(
        { files, scratch, execRoot, instance },
        address,
        { session: clientSession(this.calls, wish), buildArgs: wish.buildArgs, onOutput: tell, signal },
        this.undo,
      ),
    );
    if ("directory" in found) return await this.arrived(found.directory);
    const name = wish.dockerfilePath || "Dockerfile";
    return { dockerfile: { name, text: found.dockerfile } };
  }

  private async arrived(directory: string): Promise<WishedFiles> {
    const { wish } = this;
    // With a Dockerfile of the client's own the context need not have one.
    const files = wish.dockerfile
      ? { dockerfile: fileOf(wish.dockerfile) }
      : await arrivedContext(directory, wish.dockerfilePath);
    return { ...files, context: temporaryContext(directory) };
  }
}

function failureOf(error: unknown, isCancelled: boolean): BuildEnd {
  const failure = error instanceof BuildFailure ? error : undefined;
  return {
    type: "failure",
    message: isCancelled ? "context canceled" : errorText(error),
    excerpt: failure?.place && !isCancelled ? sourceExcerpt(failure.place) : "",
    ...(failure?.options.step && !isCancelled ? { step: failure.options.step } : {}),
    isCancelled,
  };
}
