/** A Solve of a BuildKit client: attributes, session and exporters become a request, and its result the client's map. */

import type { ContainerFiles } from "../../image/contract.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import type { KeptContexts } from "../contexts/kept-contexts.ts";
import type { Builder, BuildRequest, BuildResult, ContextSource } from "../contract.ts";
import { placeInside } from "../solver/exec-mounts.ts";
import type { BuildJob } from "./build-job.ts";
import { outputsOf } from "./client-exporters.ts";
import {
  cacheImportsOf,
  cacheOriginOf,
  cacheTargetOf,
  type FrontendAttributes,
  namedContextsOf,
  requestFromAttributes,
} from "./frontend-attributes.ts";
import type { Attributes } from "./messages.ts";
import { SessionContext } from "./session-context.ts";
import type { BuildSession } from "./session-registry.ts";
import { sessionServices } from "./session-services.ts";

export interface SolveParts {
  builder: Builder;
  kept: KeptContexts;
  files: ContainerFiles;
  /** Where directories for clients are put together. */
  scratch: string;
}

/** What a client asked for, in one request or over the gateway. */
export interface SolveWish {
  attributes: FrontendAttributes;
  session: BuildSession | undefined;
  exporters: readonly Attributes[];
  cacheExports: readonly Attributes[];
  cacheImports: readonly Attributes[];
  entitlements: readonly string[];
}

const REMOTE = /^(https?:\/\/|git@|git:\/\/|ssh:\/\/)/;

/** Builds and exports. @throws {BuildFailure} and {NaruError} */
export async function solve(
  parts: SolveParts,
  wish: SolveWish,
  job: BuildJob,
  signal: AbortSignal,
): Promise<BuildResult> {
  const contexts = new Contexts(parts, wish.session);
  try {
    const request = await requestOf(parts, wish, contexts, signal);
    job.setSource(request.dockerfile);
    return await parts.builder.build(request, (event) => job.take(event), signal);
  } finally {
    contexts.release();
  }
}

async function requestOf(
  parts: SolveParts,
  wish: SolveWish,
  contexts: Contexts,
  signal: AbortSignal,
): Promise<BuildRequest> {
  const { attributes, session } = wish;
  const common = requestFromAttributes(attributes);
  const main = contexts.main(attributes);
  const { dockerfile, ignoreFile } = await readDockerfile(attributes, contexts, main, signal);
  const imports = cacheImportsOf(attributes, wish.cacheImports);
  return {
    ...common,
    dockerfile,
    ...(ignoreFile ? { ignoreFile } : {}),
    ...(main ? { context: main } : {}),
    namedContexts: contexts.named(attributes),
    outputs: outputsOf(wish.exporters, { ...parts, session, signal }),
    cacheTo: wish.cacheExports.map(cacheTargetOf),
    cacheFrom: imports.map(cacheOriginOf),
    entitlements: [...wish.entitlements],
    ...(session ? { session: sessionServices(session) } : {}),
  };
}

/** The Dockerfile with the ignore file beside it, or that of the context. @throws {NaruError} in BuildKit's words */
async function readDockerfile(
  attributes: FrontendAttributes,
  contexts: Contexts,
  main: ContextSource | undefined,
  signal: AbortSignal,
): Promise<Pick<BuildRequest, "dockerfile" | "ignoreFile">> {
  const name = attributes.filename || "Dockerfile";
  const own = `${name}.dockerignore`;
  const local = contexts.local(attributes.dockerfilekey || "dockerfile");
  const lowered = name.replace(/[^/]+$/, (base) => base.toLowerCase());
  const directory = await local.sync({ include: [...new Set([name, lowered, own])], signal });
  const text = (await readInside(directory, name)) ?? (await readInside(directory, lowered));
  if (text === undefined) {
    throw new NaruError("invalid", `failed to read dockerfile: open ${name}: no such file or directory`);
  }
  const ownIgnores = await readInside(directory, own);
  if (ownIgnores) return { dockerfile: { name, text }, ignoreFile: { name: own, text: ownIgnores } };
  const common = main && (await readInside(await main.sync({ include: [IGNORE_FILE], signal }), IGNORE_FILE));
  return { dockerfile: { name, text }, ...(common ? { ignoreFile: { name: IGNORE_FILE, text: common } } : {}) };
}

const IGNORE_FILE = ".dockerignore";

/** The client's directories that this build reads. */
class Contexts {
  private readonly open = new Map<string, SessionContext>();

  constructor(
    private readonly parts: SolveParts,
    private readonly session: BuildSession | undefined,
  ) {}

  /** @throws {NaruError} invalid for a build without a session */
  local(name: string): SessionContext {
    const known = this.open.get(name);
    if (known) return known;
    if (this.session === undefined) throw new NaruError("invalid", `no session to read the directory ${name} from`);
    const context = new SessionContext(name, this.session, this.parts.kept);
    this.open.set(name, context);
    return context;
  }

  main(attributes: FrontendAttributes): ContextSource {
    const address = attributes.context ?? "";
    if (REMOTE.test(address)) {
      throw new NaruError(
        "not-implemented",
        `the context ${address} is remote: clone or download it and build its directory`,
      );
    }
    return this.local(attributes.contextkey || "context");
  }

  named(attributes: FrontendAttributes): BuildRequest["namedContexts"] {
    const entries = Object.entries(namedContextsOf(attributes)).map(([name, value]) => {
      const local = /^local:(.+)$/.exec(value);
      return [name, local ? this.local(local[1]!) : value] as const;
    });
    return Object.fromEntries(entries);
  }

  release(): void {
    for (const context of this.open.values()) context.release();
  }
}

async function readInside(directory: string, path: string): Promise<Uint8Array | undefined> {
  try {
    return await Bun.file(placeInside(directory, path)).bytes();
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    throw error;
  }
}

/** The builder's metadata as strings: what is no text travels as JSON in base64. */
export function exporterResponse(result: BuildResult): Record<string, string> {
  const entries = Object.entries(result.metadata).map(([name, value]) => [
    name,
    typeof value === "string" ? value : Buffer.from(JSON.stringify(value)).toString("base64"),
  ]);
  return Object.fromEntries(entries);
}
