/** A Solve of a BuildKit client: attributes, session and exporters become a request, and its result the client's map. */
import type { ContainerFiles } from "../../image/contract.ts";
import type { KeptContexts } from "../contexts/kept-contexts.ts";
import type { BuildEvent, Builder, BuildRequest, BuildResult, OtherBuild } from "../contract.ts";
import { BuildContexts } from "./build-contexts.ts";
import type { BuildJob } from "./build-job.ts";
import { cacheOriginOf, cacheTargetOf } from "./client-caches.ts";
import { outputsOf } from "./client-exporters.ts";
import { readDefinition } from "./definition-files.ts";
import { cacheImportsOf, type FrontendAttributes, requestFromAttributes } from "./frontend-attributes.ts";
import { type GraphWish, graphRequest } from "./graph-request.ts";
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
  /** A graph of the client's own, in the place of a Dockerfile. */
  graph?: GraphWish & { findResult(id: string): SolveWish };
  /** Takes the result's files, whatever the exporters are. */
  takeFiles?(tar: AsyncIterable<Uint8Array>): Promise<void>;
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
  const take = (event: BuildEvent) => job.take(event);
  const request = await requestOf(parts, wish, { steps, take, undo, signal });
  job.setSource(request.dockerfile);
  return await parts.builder.build(request, (event) => job.take(event), signal);
}

interface Solving {
  steps: ShownSteps;
  take(event: BuildEvent): void;
  /** What the request's sources hold. */
  undo: AsyncDisposableStack;
  signal: AbortSignal;
}

async function requestOf(parts: SolveParts, wish: SolveWish, solving: Solving): Promise<BuildRequest> {
  const { steps, take, undo, signal } = solving;
  const { attributes, session, graph, takeFiles } = wish;
  const contexts = new BuildContexts({ ...parts, session, attributes, steps, take, signal });
  undo.defer(() => contexts.release());
  const { entitlements } = wish;
  const what = graph
    ? graphRequest(graph, entitlements, contexts, (id) => requestOf(parts, within(wish, graph.findResult(id)), solving))
    : await dockerfileRequest(parts, wish, contexts, solving);
  return {
    ...what,
    outputs: [
      ...outputsOf(wish.exporters, { ...parts, session, signal }),
      ...(takeFiles ? [{ type: "local", write: takeFiles } as const] : []),
    ],
    cacheTo: wish.cacheExports.map((target) => cacheTargetOf(target, session, signal)),
    cacheFrom: cacheImportsOf(attributes, wish.cacheImports).map((origin) => cacheOriginOf(origin, session)),
    entitlements: [...entitlements],
    ...(session ? { session: sessionServices(session) } : {}),
  };
}

async function dockerfileRequest(
  parts: SolveParts,
  wish: SolveWish,
  contexts: BuildContexts,
  solving: Solving,
): Promise<ReturnType<typeof graphRequest>> {
  const { attributes } = wish;
  const common = requestFromAttributes(attributes);
  const inputs = await otherBuilds(parts, wish, solving);
  const main = await contexts.main(inputs);
  const { dockerfile, ignoreFile } = await readDefinition(attributes, contexts, main, solving.steps, solving.signal);
  return {
    ...common,
    dockerfile,
    ...(ignoreFile ? { ignoreFile } : {}),
    ...("source" in main ? { context: main.source } : {}),
    namedContexts: await contexts.named(inputs),
  };
}

/** Another build as a part of one: it may do what that one may, and no more. */
function within({ entitlements }: SolveWish, other: SolveWish): SolveWish {
  return { ...other, entitlements };
}

/** What they read is shown where they are built for themselves. */
async function otherBuilds(parts: SolveParts, wish: SolveWish, solving: Solving): Promise<Map<string, OtherBuild>> {
  const builds = new Map<string, OtherBuild>();
  const steps = new ShownSteps(() => {});
  for (const [name, other] of wish.inputs) {
    builds.set(name, { build: await requestOf(parts, within(wish, other), { ...solving, steps }) });
  }
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
