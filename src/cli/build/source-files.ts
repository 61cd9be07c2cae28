/** Finds what a build is made of: its context, its Dockerfile, what it leaves out. */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { WishContext, WishFile } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import { fileErrorText } from "../file-error.ts";

/** What the words of the command line stand for. */
export interface SourceFiles {
  context: WishContext;
  /** Absolute; of a context of the type "directory". */
  directory?: string;
  dockerfile?: WishFile;
  dockerfilePath: string;
  ignoreFile?: WishFile;
  /** Standard input as it came so far and what follows, for a context of the type "input". */
  input?: AsyncIterable<Uint8Array>;
}

const REMOTE = /^(https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/)/;
const DOCKERFILE = "Dockerfile";
const TAR_MAGIC_END = 262;

/** `inline` is a Dockerfile's text that stands in no file. Throws CliError in docker's words. */
export async function findSourceFiles(word: string, file: string, inline?: string): Promise<SourceFiles> {
  if (word === "-") {
    if (file === "-") throw new CliError("invalid argument: can't use stdin for both build context and dockerfile");
    return await fromInput(file);
  }
  const own = inline === undefined ? await dockerfileElsewhere(file) : asFile(DOCKERFILE, Buffer.from(inline));
  if (REMOTE.test(word)) {
    const address = word.startsWith("github.com/") ? `https://${word}` : word;
    return {
      context: { type: "remote", address },
      dockerfilePath: own ? "" : file,
      ...(own ? { dockerfile: own } : {}),
    };
  }
  return fromDirectory(word, file, own);
}

/** A Dockerfile from standard input or a URL. */
async function dockerfileElsewhere(file: string): Promise<WishFile | undefined> {
  if (file === "-") return asFile(DOCKERFILE, await Bun.stdin.bytes());
  if (!/^https?:\/\//.test(file)) return undefined;
  try {
    const response = await fetch(file);
    if (!response.ok) throw new Error(`its server answers ${response.status}`);
    return asFile(basename(new URL(file).pathname) || DOCKERFILE, await response.bytes());
  } catch (error) {
    throw new CliError(`failed to download the Dockerfile ${file}: ${(error as Error).message}`);
  }
}

function fromDirectory(word: string, file: string, own: WishFile | undefined): SourceFiles {
  const directory = contextDirectory(word);
  const common = readOptional(join(directory, ".dockerignore"));
  const files = { context: { type: "directory" }, directory, dockerfilePath: "" } as const;
  if (own) return { ...files, dockerfile: own, ...ignoring(".dockerignore", common) };
  const path = file === "" ? defaultDockerfile(directory) : file;
  const name = basename(path);
  const special = readOptional(`${path}.dockerignore`);
  return {
    ...files,
    dockerfile: asFile(name, readDockerfile(path, name)),
    ...(special ? ignoring(`${name}.dockerignore`, special) : ignoring(".dockerignore", common)),
  };
}

function ignoring(name: string, bytes: Uint8Array | undefined): { ignoreFile?: WishFile } {
  return bytes === undefined ? {} : { ignoreFile: asFile(name, bytes) };
}

function contextDirectory(word: string): string {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(word).isDirectory();
  } catch (error) {
    const { code } = error as { code?: string };
    const reason = code === "ENOENT" ? `path ${JSON.stringify(word)} not found` : fileErrorText("stat", word, error);
    throw new CliError(`ERROR: failed to build: unable to prepare context: ${reason}`);
  }
  if (!isDirectory) {
    throw new CliError(`ERROR: failed to build: unable to prepare context: ${word} is not a directory`);
  }
  return realpathSync(word);
}

/** The name in small letters is taken where there is no other. */
function defaultDockerfile(directory: string): string {
  const usual = join(directory, DOCKERFILE);
  const small = join(directory, DOCKERFILE.toLowerCase());
  return !existsSync(usual) && existsSync(small) ? small : usual;
}

function readDockerfile(path: string, name: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CliError(
      `ERROR: failed to build: failed to solve: failed to read dockerfile: ${fileErrorText("open", name, error)}`,
    );
  }
}

function readOptional(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CliError(`failed to read what the build ignores: ${fileErrorText("open", path, error)}`);
  }
}

function asFile(name: string, bytes: Uint8Array): WishFile {
  return { name, data: Buffer.from(bytes).toString("base64") };
}

/** Standard input is a tar, or else a Dockerfile without a context. */
async function fromInput(file: string): Promise<SourceFiles> {
  const chunks = Bun.stdin.stream()[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const parts: Uint8Array[] = [];
  let length = 0;
  let isOver = false;
  while (length < TAR_MAGIC_END && !isOver) {
    const { done, value } = await chunks.next();
    isOver = done === true;
    if (!isOver) parts.push(value);
    length += value?.length ?? 0;
  }
  const head = Buffer.concat(parts);
  const rest = async function* () {
    yield head as Uint8Array;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  };
  if (isArchive(head)) return { context: { type: "input" }, dockerfilePath: file, input: rest() };
  if (file !== "") {
    throw new CliError("ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles");
  }
  for await (const chunk of rest()) if (chunk !== head) parts.push(chunk);
  const dockerfile = Buffer.concat(parts);
  if (dockerfile.length === 0) throw new CliError("failed to read from stdin: it is empty; pipe a Dockerfile or a tar");
  return { context: { type: "none" }, dockerfilePath: "", dockerfile: asFile(DOCKERFILE, dockerfile) };
}

/** A tar, or what compresses one. */
export function isArchive(head: Uint8Array): boolean {
  const startsWith = (...bytes: number[]) => bytes.every((byte, index) => head[index] === byte);
  return (
    startsWith(0x1f, 0x8b) ||
    startsWith(0x42, 0x5a, 0x68) ||
    startsWith(0xfd, 0x37, 0x7a, 0x58, 0x5a) ||
    startsWith(0x28, 0xb5, 0x2f, 0xfd) ||
    Buffer.from(head.subarray(257, TAR_MAGIC_END)).toString("latin1") === "ustar"
  );
}
