/** A Solve of a BuildKit client: attributes, session and exporters become a request, and its result the client's map. */
import type { ContainerFiles } from "../../image/contract.ts";
import type { KeptContexts } from "../contexts/kept-contexts.ts";
import type { Builder, BuildRequest, BuildResult, OtherBuild } from "../contract.ts";
import { BuildContexts } from "./build-contexts.ts";
import type { BuildJob } from "./build-job.ts";
import { cacheOriginOf, cacheTargetOf } from "./client-caches.ts";
import { outputsOf } from "./client-exporters.ts";
import { readDefinition } from "./definition-files.ts";
import { cacheImportsOf, type FrontendAttributes, requestFromAttributes } from "./frontend-attributes.ts";
import type { Attributes } from "./messages.ts";
import type { BuildSession } from "./session-registry.ts";
import { sessionServices } from "./session-services.ts";
import { ShownSteps } from "./shown-steps.ts";

export interface SolveParts {
  builder: Builder;
  kept: KeptContexts;
  files: ContainerFiles;
  /** Where directories of single builds are put together. */
  scratch: string;
  execRoot: string;
  /** Names this daemon's checkouts. */
  instance: string;
  findSession(id: string, signal: AbortSignal): Promise<BuildSession>;
}

/** What a client asked for, in one request or over the gateway. */
export interface SolveWish {
  attributes: FrontendAttributes;
  session: BuildSession | undefined;
  exporters: readonly Attributes[];
  cacheExports: readonly Attributes[];
  cacheImports: readonly Attributes[];
  entitlements: readonly string[];
  /** Other builds whose results this one has as contexts, by the names that attributes use. */
  inputs: ReadonlyMap<string, SolveWish>;
}

/** Builds and exports. @throws {BuildFailure} and {NaruError} */
export async function solve(
  parts: SolveParts,
  wish: SolveWish,
  job: BuildJob,
  signal: AbortSignal,
): Promise<BuildResult> {
  await using undo = new AsyncDisposableStack();
  const steps = new ShownSteps((event) => job.take(event));
  const request = await requestOf(parts, wish, { steps, undo, signal });
  job.setSource(request.dockerfile);
  return await parts.builder.build(request, (event) => job.take(event), signal);
}

interface Solving {
  steps: ShownSteps;
  /** What the request's sources hold. */
  undo: AsyncDisposableStack;
  signal: AbortSignal;
}

async function requestOf(parts: SolveParts, wish: SolveWish, solving: Solving): Promise<BuildRequest> {
  const { steps, undo, signal } = solving;
  const { attributes, session } = wish;
  const common = requestFromAttributes(attributes);
  const contexts = new BuildContexts({ ...parts, session, attributes, steps, signal });
  undo.defer(() => contexts.release());
  const main = await contexts.main();
  const { dockerfile, ignoreFile } = await readDefinition(attributes, contexts, main, steps, signal);
  return {
    ...common,
    dockerfile,
    ...(ignoreFile ? { ignoreFile } : {}),
    ...("source" in main ? { context: main.source } : {}),
    namedContexts: await contexts.named(await otherBuilds(parts, wish, solving)),
    outputs: outputsOf(wish.exporters, { ...parts, session, signal }),
    cacheTo: wish.cacheExports.map((target) => cacheTargetOf(target, session, signal)),
    cacheFrom: cacheImportsOf(attributes, wish.cacheImports).map((origin) => cacheOriginOf(origin, session)),
    entitlements: [...wish.entitlements],
    ...(session ? { session: sessionServices(session) } : {}),
  };
}

/** What they read is shown where they are built for themselves. */
async function otherBuilds(
  parts: SolveParts,
  { inputs }: SolveWish,
  { undo, signal }: Solving,
): Promise<Map<string, OtherBuild>> {
  const builds = new Map<string, OtherBuild>();
  const steps = new ShownSteps(() => {});
  for (const [name, wish] of inputs) builds.set(name, { build: await requestOf(parts, wish, { steps, undo, signal }) });
  return builds;
}

/** The builder's metadata as strings: what is no text travels as JSON in base64. */
export function exporterResponse(result: BuildResult): Record<string, string> {
  const entries = Object.entries(result.metadata).map(([name, value]) => [
    name,
    typeof value === "string" ? value : Buffer.from(JSON.stringify(value)).toString("base64"),
  ]);
  return Object.fromEntries(entries);
}
