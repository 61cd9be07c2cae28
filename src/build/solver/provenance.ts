/**
 * What went into an image and how: SLSA provenance, version 1 or 0.2, as BuildKit writes it (docs.docker.com, "SLSA definitions"). With
 * "min" nothing of it could tell a secret that somebody passed as a build argument.
 */
import type { Attestation } from "../../image/contract.ts";
import { findGoBool } from "../../lib/go-bool.ts";
import { platformText } from "../../lib/platform.ts";
import type { Descriptor, Platform } from "../../model/image.ts";
import type { BuildRequest } from "../contract.ts";
import type { BuildPlan, ExecOperation, Step } from "./graph.ts";
import { stepDigest, stepInputs } from "./step-digest.ts";
import { wireOperation } from "./wire-operation.ts";

const BUILD_TYPE = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";
const OLDER_BUILD_TYPE = "https://mobyproject.org/buildkit@v1";
const PREDICATE_TYPES = { v1: "https://slsa.dev/provenance/v1", "v0.2": "https://slsa.dev/provenance/v0.2" } as const;

export interface ProvenanceFacts {
  request: BuildRequest;
  plan: BuildPlan;
  /** The builder's own platform. */
  builderPlatform: Platform;
  /** RFC 3339. */
  startedAt: string;
  finishedAt: string;
  invocationId: string;
}

/** Names of images as package URLs: "pkg:docker/app@1.0?platform=linux%2Famd64". */
export function subjectsOf(names: readonly string[], manifest: Descriptor): object[] {
  const digest = { sha256: manifest.digest.slice("sha256:".length) };
  const platform = manifest.platform ? `?platform=${encodeURIComponent(platformText(manifest.platform))}` : "";
  const urls = names.map((name) => {
    const colon = name.lastIndexOf(":");
    const hasTag = colon > name.lastIndexOf("/");
    const [repository, tag] = hasTag ? [name.slice(0, colon), name.slice(colon + 1)] : [name, "latest"];
    return `pkg:docker/${repository}@${encodeURIComponent(tag)}${platform}`;
  });
  return (urls.length > 0 ? urls : ["_"]).map((name) => ({ name, digest }));
}

export function provenanceOf(facts: ProvenanceFacts, subject: object[]): Attestation {
  const version = facts.request.attestations.provenanceVersion ?? "v1";
  const predicateType = PREDICATE_TYPES[version];
  const predicate = version === "v1" ? predicateOf(facts) : olderPredicateOf(facts);
  const statement = { _type: "https://in-toto.io/Statement/v0.1", predicateType, subject, predicate };
  return { predicateType, statement };
}

/** Everything, about no image in particular; in the version that buildx reads from the history. */
export function wholeProvenance(facts: Omit<ProvenanceFacts, "finishedAt">): Attestation {
  const { request } = facts;
  const isNewer = findGoBool(request.buildArgs.BUILDKIT_HISTORY_PROVENANCE_V1 ?? "") === true;
  const provenanceVersion = isNewer ? "v1" : "v0.2";
  const attestations = { ...request.attestations, provenance: "max", provenanceVersion } as const;
  const finishedAt = new Date().toISOString();
  return provenanceOf({ ...facts, finishedAt, request: { ...request, attestations } }, []);
}

/** What both versions tell. */
function contentsOf({ request, plan, builderPlatform, startedAt, finishedAt, invocationId }: ProvenanceFacts) {
  const { provenance, builderId = "" } = request.attestations;
  const isWhole = provenance === "max";
  return {
    isWhole,
    configSource: { path: request.dockerfile.name },
    parameters: requestOf(request, plan, isWhole),
    platform: platformText(builderPlatform),
    buildConfig: isWhole ? { buildConfig: buildConfigOf(plan) } : {},
    materials: plan.materials,
    builder: { id: builderId },
    // Nobody asked for it: then equal inputs give equal images, which times and names of builds would spoil.
    times: provenance === "inline" ? undefined : { invocationId, startedAt, finishedAt },
    isComplete: isComplete(plan),
    source: isWhole ? sourceOf(request, plan) : undefined,
  };
}

function predicateOf(facts: ProvenanceFacts): object {
  const contents = contentsOf(facts);
  const { isWhole, times, source } = contents;
  return {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { configSource: contents.configSource, request: contents.parameters },
      internalParameters: { builderPlatform: contents.platform, ...contents.buildConfig },
      resolvedDependencies: contents.materials,
    },
    runDetails: {
      builder: contents.builder,
      metadata: {
        ...(times
          ? { invocationID: times.invocationId, startedOn: times.startedAt, finishedOn: times.finishedAt }
          : {}),
        buildkit_completeness: { request: isWhole, resolvedDependencies: contents.isComplete },
        ...(source ? { buildkit_metadata: { source } } : {}),
      },
    },
  };
}

function olderPredicateOf(facts: ProvenanceFacts): object {
  const contents = contentsOf(facts);
  const { isWhole, times, source } = contents;
  return {
    builder: contents.builder,
    buildType: OLDER_BUILD_TYPE,
    materials: contents.materials,
    invocation: {
      configSource: { entryPoint: contents.configSource.path },
      parameters: contents.parameters,
      environment: { platform: contents.platform },
    },
    ...contents.buildConfig,
    metadata: {
      ...(times
        ? {
            buildInvocationID: times.invocationId,
            buildStartedOn: times.startedAt,
            buildFinishedOn: times.finishedAt,
          }
        : {}),
      completeness: { parameters: isWhole, environment: true, materials: contents.isComplete },
      reproducible: false,
      ...(source ? { [`${OLDER_BUILD_TYPE}#metadata`]: { source } } : {}),
    },
  };
}

function requestOf(request: BuildRequest, plan: BuildPlan, isWhole: boolean): object {
  const args: Record<string, string> = {};
  if (request.target !== "") args.target = request.target;
  if (isWhole) {
    for (const [name, value] of Object.entries(request.buildArgs)) args[`build-arg:${name}`] = value;
    for (const [name, value] of Object.entries(request.labels)) args[`label:${name}`] = value;
    if (request.noCache) args["no-cache"] = "";
  }
  const mounts = [...allSteps(plan)].flatMap(({ operation }) => (operation.type === "exec" ? operation.mounts : []));
  const secrets = mounts.flatMap((mount) =>
    mount.type === "secret" ? [{ id: mount.id, optional: !mount.required }] : [],
  );
  const ssh = mounts.flatMap((mount) => (mount.type === "ssh" ? [{ id: mount.id, optional: !mount.required }] : []));
  return {
    frontend: "dockerfile.v0",
    args,
    ...(secrets.length > 0 ? { secrets } : {}),
    ...(ssh.length > 0 ? { ssh } : {}),
    locals: [...(request.context ? [{ name: "context" }] : []), { name: "dockerfile" }],
  };
}

/** Everything that came from outside is named by what it contains. */
function isComplete({ materials, targets }: BuildPlan): boolean {
  const usesContext = targets.some((target) => {
    const steps = target.root ? [...stepsBelow(target.root)] : [];
    return steps.some(({ operation }) => operation.type === "local" || reachesNetwork(operation as ExecOperation));
  });
  return !usesContext && materials.every(({ digest }) => digest !== undefined);
}

function reachesNetwork(operation: ExecOperation): boolean {
  return operation.type === "exec" && operation.network !== "none";
}

/** The graph: every step with what it does and stands on. */
function buildConfigOf(plan: BuildPlan): object {
  const steps = [...allSteps(plan)];
  const ids = new Map(steps.map((step, index) => [step, `step${index}`]));
  const llbDefinition = steps.map((step) => ({
    id: ids.get(step)!,
    op: { Op: wireOperation(step.operation) },
    inputs: stepInputs(step).map((input) => `${ids.get(input)}:0`),
  }));
  return { llbDefinition, digestMapping: Object.fromEntries(steps.map((step) => [stepDigest(step), ids.get(step)!])) };
}

/** The Dockerfile itself, and which step stands on which of its lines. */
function sourceOf({ dockerfile }: BuildRequest, plan: BuildPlan): object {
  const data = Buffer.from(dockerfile.text).toString("base64");
  const locations: Record<string, object> = {};
  for (const [index, { show }] of [...allSteps(plan)].entries()) {
    if (!show.range) continue;
    const { start, end } = show.range;
    locations[`step${index}`] = { locations: [{ ranges: [{ start: { line: start.line }, end: { line: end.line } }] }] };
  }
  return { locations, infos: [{ filename: dockerfile.name, language: "Dockerfile", data }] };
}

function allSteps(plan: BuildPlan): Set<Step> {
  const found = new Set<Step>();
  for (const { root } of plan.targets) if (root) for (const step of stepsBelow(root)) found.add(step);
  return found;
}

/** A step with all it stands on, what comes first first. */
function* stepsBelow(root: Step, seen = new Set<Step>()): Generator<Step, void> {
  if (seen.has(root)) return;
  seen.add(root);
  for (const input of stepInputs(root)) yield* stepsBelow(input, seen);
  yield root;
}
