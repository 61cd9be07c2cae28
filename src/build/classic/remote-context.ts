/** The `remote` parameter: a git repository, a tar or a Dockerfile that the daemon fetches itself. */
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ContainerFiles } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { type GitSource, parseGitSource } from "../frontend/git-source.ts";
import { placeInside } from "../solver/exec-mounts.ts";
import { GitCheckout } from "../solver/git-checkout.ts";
import { newCheckoutDirectory } from "../solver/git-source.ts";
import type { ArrivedContext } from "./classic-request.ts";
import { arrivedContext, type SpooledContext, spoolContext } from "./spooled-context.ts";

export interface RemoteParts {
  files: ContainerFiles;
  /** Where contexts are kept while they are used. */
  contextsDirectory: string;
  instance: string;
}

export interface FetchedContext {
  arrived: ArrivedContext;
  remove(): Promise<void>;
}

/** @throws {NaruError} invalid for what is no URL; unavailable and not-found of the place asked */
export async function fetchContext(
  parts: RemoteParts,
  { remote, dockerfile }: { remote: string; dockerfile: string },
  signal: AbortSignal,
): Promise<FetchedContext> {
  const git = parseGitSource(remote);
  if (git) return await checkOut(parts, git, dockerfile, signal);
  if (/^https?:\/\//.test(remote)) return await download(parts, remote, dockerfile, signal);
  throw new NaruError("invalid", `the context ${JSON.stringify(remote)} is neither a git repository nor an http URL`);
}

async function checkOut(
  { instance }: RemoteParts,
  source: GitSource,
  dockerfile: string,
  signal: AbortSignal,
): Promise<FetchedContext> {
  const directory = newCheckoutDirectory(instance);
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const checkout = new GitCheckout(directory, source, { signal });
    const { files } = await checkout.checkOut(await checkout.resolve());
    return { arrived: await arrivedContext(placeInside(files, source.subdir ?? "/"), dockerfile), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function download(
  { files, contextsDirectory }: RemoteParts,
  url: string,
  dockerfile: string,
  signal: AbortSignal,
): Promise<FetchedContext> {
  const path = join(contextsDirectory, `download-${crypto.randomUUID()}`);
  let spooled: SpooledContext | undefined;
  try {
    await fetchFile(url, path, signal);
    if (!(await files.isArchive(path))) {
      const text = await Bun.file(path).bytes();
      return { arrived: { dockerfile: { name: "Dockerfile", text } }, remove: async () => {} };
    }
    spooled = await spoolContext(files, contextsDirectory, Bun.file(path).stream(), signal);
    return { arrived: await arrivedContext(spooled.directory, dockerfile), remove: spooled.remove };
  } catch (error) {
    await spooled?.remove();
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}

async function fetchFile(url: string, path: string, signal: AbortSignal): Promise<void> {
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
    await pipeline(Readable.fromWeb(response.body as never), createWriteStream(path), { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new NaruError("invalid", `error downloading remote context ${url}: ${errorText(cause)}`, { cause });
  }
}
