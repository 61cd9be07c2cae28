/**
 * What went into an image and how: SLSA provenance, version 1, as BuildKit writes it (docs.docker.com, "SLSA definitions"). With
 * "min" nothing of it could tell a secret that somebody passed as a build argument.
 */
import type { Attestation } from "../../image/contract.ts";
import { platformText } from "../../lib/platform.ts";
import type { Descriptor, Platform } from "../../model/image.ts";
import type { BuildRequest } from "../contract.ts";
import { type BuildPlan, type ExecOperation, type Step, stepDigest, stepInputs } from "./graph.ts";

const BUILD_TYPE = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";
const PREDICATE_TYPE = "https://slsa.dev/provenance/v1";

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
  const statement = {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: PREDICATE_TYPE,
    subject,
    predicate: predicateOf(facts),
  };
  return { predicateType: PREDICATE_TYPE, statement };
}

function predicateOf({ request, plan, builderPlatform, startedAt, finishedAt, invocationId }: ProvenanceFacts): object {
  const { provenance } = request.attestations;
  const isWhole = provenance === "max";
  return {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: {
        configSource: { path: request.dockerfile.name },
        request: requestOf(request, plan, isWhole),
      },
      internalParameters: {
        builderPlatform: platformText(builderPlatform),
        ...(isWhole ? { buildConfig: buildConfigOf(plan) } : {}),
      },
      resolvedDependencies: plan.materials,
    },
    runDetails: {
      builder: { id: "" },
      metadata: {
        // Nobody asked for it: then equal inputs give equal images, which times and names of builds would spoil.
        ...(provenance === "inline"
          ? {}
          : { invocationID: invocationId, startedOn: startedAt, finishedOn: finishedAt }),
        buildkit_completeness: { request: isWhole, resolvedDependencies: isComplete(plan) },
        ...(isWhole ? { buildkit_metadata: { source: sourceOf(request, plan) } } : {}),
      },
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
    op: { Op: describeOperation(step) },
    inputs: stepInputs(step).map((input) => `${ids.get(input)}:0`),
  }));
  return { llbDefinition, digestMapping: Object.fromEntries(steps.map((step) => [stepDigest(step), ids.get(step)!])) };
}

function describeOperation({ operation, show }: Step): object {
  switch (operation.type) {
    case "exec":
      return {
        exec: {
          meta: { args: operation.args, env: operation.env, cwd: operation.cwd, user: operation.user },
          network: operation.network,
        },
      };
    case "image":
      return { source: { identifier: `docker-image://${operation.image.canonical}` } };
    case "local":
      return { source: { identifier: `local://${operation.context.name}` } };
    case "http":
      return { source: { identifier: operation.url } };
    case "git":
      return { source: { identifier: `git://${operation.remote}#${operation.ref ?? ""}` } };
    case "file":
      return { file: { actions: operation.actions.map(({ action }) => action), name: show.name } };
    case "merge":
      return { merge: {} };
  }
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
