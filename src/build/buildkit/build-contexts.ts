/** The directories that a build of a BuildKit client reads: the client's own, uploaded archives, remote ones. */
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDigest } from "../../lib/digest.ts";
import { NaruError } from "../../lib/errors.ts";
import { spoolContext } from "../classic/spooled-context.ts";
import type { KeptContexts } from "../contexts/kept-contexts.ts";
import { fetchRemoteContext, isRemoteAddress, temporaryContext } from "../contexts/remote-context.ts";
import type { BuildEvent, BuildRequest, ContextSource, OtherBuild } from "../contract.ts";
import { placeInside } from "../solver/exec-mounts.ts";
import type { SolveParts } from "./build-solve.ts";
import { type FrontendAttributes, namedContextsOf, withPrefix } from "./frontend-attributes.ts";
import { bytesMessage } from "./messages.ts";
import { SessionContext } from "./session-context.ts";
import { SessionLayout, storeName } from "./session-layout.ts";
import type { BuildSession } from "./session-registry.ts";
import { sessionServices } from "./session-services.ts";
import type { ShownSteps } from "./shown-steps.ts";

/** An archive that the client holds ready: "http://buildkit-session/ID". */
const UPLOAD = /^https?:\/\/buildkit-session(\/.*)$/;
const PULL = "/moby.upload.v1.Upload/Pull";
/** Sessions of single directories, by their names. */
const SESSION_OF = "local-sessionid:";

interface ContextParts extends SolveParts {
  kept: KeptContexts;
  session: BuildSession | undefined;
  attributes: FrontendAttributes;
  findSession(id: string, signal: AbortSignal): Promise<BuildSession>;
  steps: ShownSteps;
  /** Told of what is built on the way. */
  take(event: BuildEvent): void;
  signal: AbortSignal;
}

/** The main context: a directory, of the client's or fetched, or a Dockerfile alone that was fetched in its place. */
export type MainContext =
  | { source: ContextSource; isLocal: true }
  | { source: ContextSource; isLocal: false; directory: string }
  | { dockerfile: Uint8Array };

export class BuildContexts {
  private readonly open = new Map<string, Promise<SessionContext>>();
  private readonly undo = new AsyncDisposableStack();

  constructor(private readonly parts: ContextParts) {}

  /** @throws {NaruError} invalid for a build without a session; unavailable when the directory's session does not come */
  local(name: string, sessionId?: string): Promise<SessionContext> {
    const key = sessionId ? `${name}\0${sessionId}` : name;
    const known = this.open.get(key);
    if (known) return known;
    const opening = this.openLocal(name, sessionId);
    this.open.set(key, opening);
    return opening;
  }

  /** @throws {NaruError} when it cannot be fetched */
  async main(inputs: ReadonlyMap<string, OtherBuild>): Promise<MainContext> {
    const { attributes } = this.parts;
    const given = inputs.get(attributes.contextkey || "context");
    if (given) return this.fetched(await this.evaluated(given));
    const address = attributes.context ?? "";
    const upload = UPLOAD.exec(address);
    if (upload) return await this.uploaded(upload[1]!);
    if (isRemoteAddress(address)) return await this.remote(address);
    return { source: await this.local(attributes.contextkey || "context"), isLocal: true };
  }

  /** `inputs`: results of other builds, by the names under which attributes mean them. @throws {NaruError} invalid */
  async named(inputs: ReadonlyMap<string, OtherBuild>): Promise<BuildRequest["namedContexts"]> {
    const named: BuildRequest["namedContexts"] = {};
    for (const [name, value] of Object.entries(namedContextsOf(this.parts.attributes))) {
      const [, scheme = "", rest = ""] = /^(local|input|oci-layout):(.+)$/.exec(value) ?? [];
      if (scheme === "local") named[name] = await this.local(rest.replace(/^\/\//, ""));
      else if (scheme === "input") {
        const input = inputs.get(rest);
        if (!input)
          throw new NaruError("invalid", `the context ${name} is a result that the client did not send: ${rest}`);
        named[name] = input;
      } else if (scheme === "oci-layout") named[name] = { layout: this.layout(name, rest) };
      else named[name] = value;
    }
    return named;
  }

  /** "//STORE:TAG@DIGEST": the client has found the digest for the tag. @throws {NaruError} invalid */
  private layout(name: string, address: string): SessionLayout {
    const { session } = this.parts;
    const [, store = "", digest] = /^\/\/([^:@/]+)(?::[^@]*)?@(.+)$/.exec(address) ?? [];
    if (!isDigest(digest)) {
      throw new NaruError("invalid", `the context ${name} names no manifest of its OCI layout: oci-layout:${address}`);
    }
    if (session === undefined) throw new NaruError("invalid", `no session to read the OCI layout ${name} from`);
    return new SessionLayout(name, session, storeName.context(store), digest);
  }

  /** To be called when the build has ended. */
  async release(): Promise<void> {
    for (const opening of this.open.values()) {
      const context = await opening.catch(() => undefined);
      context?.release();
    }
    await this.undo.disposeAsync();
  }

  private async openLocal(name: string, sessionId: string | undefined): Promise<SessionContext> {
    const { attributes, session, findSession, kept, signal } = this.parts;
    const id = sessionId || withPrefix(attributes, SESSION_OF)[name];
    const owner = id === undefined || id === session?.id ? session : await findSession(id, signal);
    if (owner === undefined) throw new NaruError("invalid", `no session to read the directory ${name} from`);
    return new SessionContext(name, owner, kept);
  }

  private async uploaded(path: string): Promise<MainContext> {
    const { session, files, scratch, steps, signal } = this.parts;
    if (!session?.serves(PULL))
      throw new NaruError("invalid", "the client sends no archive (its session has no upload)");
    const call = session.grpc.call(PULL, { urlpath: path, urlhost: "buildkit-session" }, signal);
    // Without it the client resets the call when it has sent all, also what was not read yet.
    call.closeSend();
    const spooled = await steps.showing("[internal] load remote build context", () =>
      spoolContext(files, scratch, contentsOf(call.messages), signal),
    );
    this.undo.defer(() => spooled.remove());
    return this.fetched(spooled.directory);
  }

  private async remote(address: string): Promise<MainContext> {
    const { session, attributes, steps, signal } = this.parts;
    const buildArgs = withPrefix(attributes, "build-arg:");
    const isGit = !/^https?:\/\//.test(address) || /\.git(#|\?|$)/.test(address);
    const title = isGit ? `[internal] load git source ${address}` : "[internal] load remote build context";
    const found = await steps.showing(title, (onOutput) =>
      fetchRemoteContext(
        this.parts,
        address,
        { session: session && sessionServices(session), buildArgs, onOutput, signal },
        this.undo,
      ),
    );
    return "directory" in found ? this.fetched(found.directory) : found;
  }

  /** The files of what another build makes. */
  private async evaluated({ build }: OtherBuild): Promise<string> {
    const { builder, files, scratch, signal, take } = this.parts;
    const directory = join(scratch, randomBytes(8).toString("hex"));
    this.undo.defer(() => rm(directory, { recursive: true, force: true }));
    await mkdir(directory, { recursive: true, mode: 0o755 });
    const write = (tar: AsyncIterable<Uint8Array>) =>
      files.writeArchive(directory, "/", tar, { noOverwriteDirNonDir: false, signal });
    await builder.build({ ...build, outputs: [{ type: "local", write }] }, take, signal);
    return directory;
  }

  private fetched(root: string): MainContext {
    const { contextsubdir = "" } = this.parts.attributes;
    const directory = contextsubdir === "" ? root : placeInside(root, contextsubdir);
    return { source: temporaryContext(directory), isLocal: false, directory };
  }
}

async function* contentsOf(messages: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield bytesMessage.decode(message).data;
}
