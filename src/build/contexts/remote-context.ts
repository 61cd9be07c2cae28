/** Contexts that the daemon fetches: a git repository, an archive from a URL, or a Dockerfile from a URL. */
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerFiles } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { parseGitSource } from "../../lib/git-address.ts";
import { findGoBool } from "../../lib/go-bool.ts";
import type { ClientSession, ContextSource } from "../contract.ts";
import { placeInside } from "../solver/exec-mounts.ts";
import { GitCheckout } from "../solver/git-checkout.ts";
import { findAgent, findAuthorization, newCheckoutDirectory } from "../solver/git-source.ts";

interface RemoteParts {
  files: ContainerFiles;
  /** Where trees of one build lie. */
  scratch: string;
  execRoot: string;
  /** Names this daemon's checkouts. */
  instance: string;
}

/** What was fetched: a directory, or the text of a Dockerfile alone. */
type RemoteContext = { directory: string } | { dockerfile: Uint8Array };

interface RemoteWish {
  session: ClientSession | undefined;
  /** Values of arguments: BUILDKIT_CONTEXT_KEEP_GIT_DIR keeps a repository's own directory. */
  buildArgs: Readonly<Record<string, string>>;
  onOutput(text: string): void;
  signal: AbortSignal;
}

const MAX_DOCKERFILE_BYTES = 2 * 1024 * 1024;
const ARCHIVE_TYPE = /^application\/(x-)?(tar|gzip|x-gzip|x-tar|zstd|x-xz|x-bzip2)|octet-stream/;

/** A directory that one build has and no other. */
export function temporaryContext(directory: string): ContextSource {
  return { name: "context", isTemporary: true, sync: async () => directory };
}

/** Whether a word on the command line names a context elsewhere. */
export function isRemoteAddress(address: string): boolean {
  return /^https?:\/\//.test(address) || parseGitSource(address) !== undefined;
}

/** Fetches it; undone with `undo`. @throws {NaruError} not-found, unavailable, invalid */
export async function fetchRemoteContext(
  parts: RemoteParts,
  address: string,
  wish: RemoteWish,
  undo: AsyncDisposableStack,
): Promise<RemoteContext> {
  const git = parseGitSource(address);
  return git ? await checkOut(parts, git, wish, undo) : await download(parts, address, wish, undo);
}

async function checkOut(
  { execRoot, instance }: RemoteParts,
  { remote, ref, subdir, checksum, keepGitDir, submodules }: NonNullable<ReturnType<typeof parseGitSource>>,
  { session, buildArgs, onOutput, signal }: RemoteWish,
  undo: AsyncDisposableStack,
): Promise<RemoteContext> {
  const directory = newCheckoutDirectory(instance);
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const authorization = await findAuthorization(remote, session, signal);
  const agentSocket = await findAgent({ config: { execRoot } }, remote, session, undo);
  const tree = {
    remote,
    ...(ref ? { ref } : {}),
    keepGitDir: keepGitDir ?? findGoBool(buildArgs.BUILDKIT_CONTEXT_KEEP_GIT_DIR ?? "") ?? false,
    skipSubmodules: submodules === false,
  };
  const checkout = new GitCheckout(directory, tree, {
    ...(authorization === undefined ? {} : { authorization }),
    ...(agentSocket === undefined ? {} : { agentSocket }),
    onOutput,
    signal,
  });
  const commit = await checkout.resolve();
  if (checksum !== undefined && !commit.startsWith(checksum)) {
    throw new NaruError("invalid", `expected checksum to match ${checksum}, got ${commit}`);
  }
  const { files } = await checkout.checkOut(commit);
  return { directory: subdir ? placeInside(files, subdir) : files };
}

async function download(
  { files, scratch }: RemoteParts,
  url: string,
  { signal }: RemoteWish,
  undo: AsyncDisposableStack,
): Promise<RemoteContext> {
  const response = await request(url, signal);
  const head = await Peeked.of(response.body!);
  if (!isArchive(head.first, response.headers.get("content-type") ?? "")) {
    return { dockerfile: await head.bytes(MAX_DOCKERFILE_BYTES) };
  }
  const directory = join(scratch, randomBytes(8).toString("hex"));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await files.writeArchive(directory, "/", head.chunks(), { noOverwriteDirNonDir: false, signal });
  return { directory };
}

async function request(url: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal, redirect: "follow" });
  } catch (cause) {
    signal.throwIfAborted();
    throw new NaruError("unavailable", `cannot download ${url}: ${errorText(cause)}`, { cause });
  }
  if (response.ok && response.body !== null) return response;
  await response.body?.cancel();
  const kind = response.status === 404 ? "not-found" : "unavailable";
  throw new NaruError(kind, `cannot download ${url}: its server answers ${response.status}`);
}

/** By the beginning of the bytes, since servers know little of types: a compressed file, or a tar's magic. */
function isArchive(head: Uint8Array, type: string): boolean {
  const startsWith = (...bytes: number[]) => bytes.every((byte, index) => head[index] === byte);
  const isCompressed =
    startsWith(0x1f, 0x8b) ||
    startsWith(0x42, 0x5a, 0x68) ||
    startsWith(0xfd, 0x37, 0x7a) ||
    startsWith(0x28, 0xb5, 0x2f);
  if (isCompressed || Buffer.from(head.subarray(257, 262)).toString("latin1") === "ustar") return true;
  return ARCHIVE_TYPE.test(type) && head.includes(0);
}

/** A stream whose beginning can be looked at. */
export class Peeked {
  private constructor(
    readonly first: Uint8Array,
    private readonly rest: AsyncIterator<Uint8Array>,
  ) {}

  /** Reads until a tar's magic would be there. */
  static async of(stream: AsyncIterable<Uint8Array>): Promise<Peeked> {
    const rest = stream[Symbol.asyncIterator]();
    const parts: Uint8Array[] = [];
    let length = 0;
    while (length < 512) {
      const { done, value } = await rest.next();
      if (done) break;
      parts.push(value);
      length += value.length;
    }
    return new Peeked(Buffer.concat(parts), rest);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    yield this.first;
    for (let next = await this.rest.next(); !next.done; next = await this.rest.next()) yield next.value;
  }

  /** All of it. @throws {NaruError} invalid when that is more than `limitBytes` */
  async bytes(limitBytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.chunks()) {
      parts.push(chunk);
      length += chunk.length;
      if (length > limitBytes) throw new NaruError("invalid", `a Dockerfile may have ${limitBytes} bytes`);
    }
    return Buffer.concat(parts);
  }
}
