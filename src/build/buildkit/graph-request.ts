/** A build of a client's own graph, as a request to the builder: its plan is the graph, and its image what the client says. */
import { NaruError } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import type { ImageConfig } from "../../model/image.ts";
import type { BuildRequest } from "../contract.ts";
import { planDockerfile } from "../frontend/dockerfile-frontend.ts";
import type { BuildPlan, PlanningServices, Step } from "../solver/graph.ts";
import type { BuildContexts } from "./build-contexts.ts";
import { requestFromAttributes } from "./frontend-attributes.ts";
import { stepOfGraph } from "./graph-steps.ts";
import type { WireDefinition } from "./messages.ts";

export interface GraphWish {
  definition: WireDefinition;
  /** JSON of the image's configuration. */
  imageConfig: Uint8Array | undefined;
}

type GraphRequest = Omit<BuildRequest, "outputs" | "cacheTo" | "cacheFrom">;

/** `entitlements`: what its processes may; `resultOf`: requests of other builds whose results the graph names. */
export function graphRequest(
  { definition, imageConfig }: GraphWish,
  entitlements: readonly string[],
  contexts: BuildContexts,
  resultOf: (id: string) => Promise<BuildRequest>,
): GraphRequest {
  return {
    ...requestFromAttributes({}),
    dockerfile: { name: "", text: new Uint8Array(0) },
    namedContexts: {},
    async plan(services) {
      const root = await stepOfGraph(definition, {
        services,
        entitlements,
        local: (name, session) => contexts.local(name, session),
        result: async (id) => await lastStep(await resultOf(id), services),
      });
      return planOf(root, imageConfig);
    },
  };
}

async function lastStep(request: BuildRequest, services: PlanningServices): Promise<Step | undefined> {
  const plan = await (request.plan?.(services) ?? planDockerfile(request, services));
  return plan.targets[0]?.root;
}

function planOf(root: Step | undefined, imageConfig: Uint8Array | undefined): BuildPlan {
  const { architecture, os, config = {} } = imageConfig ? parseConfig(imageConfig) : ({} as Partial<ImageConfig>);
  const platform = { os: os || "linux", architecture: architecture || machineArchitecture() };
  const history = root === undefined ? [] : [{ created_by: root.show.name, comment: "", step: root }];
  return {
    targets: [{ platform, root, stage: "", image: { ...platform, config }, baseHistory: [], history }],
    instructions: [],
    warnings: [],
    materials: [],
    usedArgs: {},
  };
}

function parseConfig(data: Uint8Array): Partial<ImageConfig> {
  try {
    return JSON.parse(Buffer.from(data).toString("utf8")) as Partial<ImageConfig>;
  } catch (cause) {
    throw new NaruError("invalid", "the image's configuration that the client gave is not JSON", { cause });
  }
}
