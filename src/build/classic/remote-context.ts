/** The `remote` parameter: a git repository, a tar or a Dockerfile that the daemon fetches itself. */
import type { ContainerFiles } from "../../image/contract.ts";
import { NaruError } from "../../lib/errors.ts";
import { fetchRemoteContext, isRemoteAddress } from "../contexts/remote-context.ts";
import type { ArrivedContext } from "./classic-request.ts";
import { arrivedContext } from "./spooled-context.ts";

interface RemoteParts {
  files: ContainerFiles;
  /** Where contexts are kept while they are used. */
  contextsDirectory: string;
  execRoot: string;
  instance: string;
}

export interface FetchedContext {
  arrived: ArrivedContext;
  remove(): Promise<void>;
}

/** @throws {NaruError} invalid for what is no address; unavailable and not-found of the place asked */
export async function fetchContext(
  { files, contextsDirectory, execRoot, instance }: RemoteParts,
  { remote, dockerfile }: { remote: string; dockerfile: string },
  signal: AbortSignal,
): Promise<FetchedContext> {
  if (!isRemoteAddress(remote)) {
    throw new NaruError("invalid", `the context ${JSON.stringify(remote)} is neither a git repository nor an http URL`);
  }
  await using undo = new AsyncDisposableStack();
  // The classic API has no session with its client: no logins, no ssh agent, nobody to tell of git's progress.
  const wish = { session: undefined, buildArgs: {}, onOutput() {}, signal };
  const fetched = await fetchRemoteContext(
    { files, scratch: contextsDirectory, execRoot, instance },
    remote,
    wish,
    undo,
  );
  const arrived =
    "directory" in fetched
      ? await arrivedContext(fetched.directory, dockerfile)
      : { dockerfile: { name: "Dockerfile", text: fetched.dockerfile } };
  const kept = undo.move();
  return { arrived, remove: () => kept.disposeAsync() };
}
