/** A builder with all its parts, in the test's own process, on roots of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuildEvent, BuildOutput, BuildRequest, BuildResult, ContextSource } from "../../src/build/contract.ts";
import { Log } from "../../src/daemon/log.ts";
import { daemonOptions } from "../../src/daemon/options.ts";
import { openParts, type Parts } from "../../src/daemon/parts.ts";
import { machineArchitecture } from "../../src/lib/machine-architecture.ts";
import { bareRequest } from "./build-request.ts";
import { busyboxTar } from "./daemon.ts";

export interface OpenBuilder extends AsyncDisposable {
  readonly parts: Parts;
  readonly dataRoot: string;
  /** Makes the image busybox:latest. */
  importBusybox(): Promise<void>;
  /** Builds a Dockerfile; what is not named has the usual value. */
  build(
    dockerfile: string,
    request?: Partial<BuildRequest>,
    signal?: AbortSignal,
  ): Promise<{ result: BuildResult; events: BuildEvent[] }>;
}

export async function openBuilder(settings: Record<string, string | boolean> = {}): Promise<OpenBuilder> {
  const root = await mkdtemp(join(tmpdir(), "naru-builder-"));
  const dataRoot = join(root, "data");
  const given = new Map(Object.entries({ "data-root": dataRoot, "exec-root": join(root, "exec"), ...settings }));
  const parts = await openParts(daemonOptions(given), new Log("fatal", "text"));
  return {
    parts,
    dataRoot,
    async importBusybox() {
      const { signal } = new AbortController();
      const options = { repo: "busybox", tag: "latest", message: "", changes: [], platform: "", signal };
      await parts.engine.images.importTar(once(await busyboxTar()), options);
    },
    async build(dockerfile, request = {}, signal = new AbortController().signal) {
      const events: BuildEvent[] = [];
      const result = await parts.builder.build(
        requestOf(dockerfile, request),
        (event) => void events.push(event),
        signal,
      );
      return { result, events };
    },
    async [Symbol.asyncDispose]() {
      await parts.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A stream of one chunk. */
export async function* once(data: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield data;
}

export function requestOf(dockerfile: string, more: Partial<BuildRequest> = {}): BuildRequest {
  return bareRequest(dockerfile, {
    platforms: [{ os: "linux", architecture: machineArchitecture() }],
    outputs: [{ type: "cacheonly" }],
    ...more,
  });
}

export function directoryContext(directory: string, name = "context"): ContextSource {
  return { name, sync: async () => directory };
}

/** An output whose tar is gathered. */
export function gatheredOutput(type: "tar" | "local"): { output: BuildOutput; bytes(): Uint8Array };
export function gatheredOutput(type: "oci" | "docker", names: string[]): { output: BuildOutput; bytes(): Uint8Array };
export function gatheredOutput(type: "tar" | "local" | "oci" | "docker", names: string[] = []) {
  const chunks: Uint8Array[] = [];
  const write = async (tar: AsyncIterable<Uint8Array>) => {
    for await (const chunk of tar) chunks.push(chunk);
  };
  const output = type === "tar" || type === "local" ? { type, write } : { type, names, write };
  return { output, bytes: () => Buffer.concat(chunks) };
}
