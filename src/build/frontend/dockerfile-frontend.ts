/**
 * The Dockerfile frontend: a request's Dockerfile becomes a graph of steps for each platform, with the image's
 * configuration and history. What an image's configuration says is asked of `services`; nothing else is touched.
 */
import { NaruError } from "../../lib/errors.ts";
import { findGoBool } from "../../lib/go-bool.ts";
import type { Platform } from "../../model/image.ts";
import type { BuildRequest, BuildWarning } from "../contract.ts";
import type { Dockerfile } from "../dockerfile/ast.ts";
import { CheckReport } from "../dockerfile/check-report.ts";
import { asBuildFailure } from "../dockerfile/excerpt.ts";
import { checkInstructions, checkWhole } from "../dockerfile/form-checks.ts";
import { emptyDockerfile, parseDockerfile } from "../dockerfile/instruction-parser.ts";
import type { BuildPlan, Frontend, PlannedTarget, PlanningServices } from "../solver/graph.ts";
import { resolveBases } from "./base-images.ts";
import { ContextSteps, readIgnores } from "./context-steps.ts";
import { addGlobalArgs, predefinedArgs } from "./global-args.ts";
import { materialsOf } from "./materials.ts";
import type { Planning } from "./planning.ts";
import { readSourceDateEpoch } from "./source-date-epoch.ts";
import { buildStageGraph, checkDefaultBases } from "./stage-graph.ts";
import type { StageNode } from "./stage-node.ts";
import { walkStages } from "./stage-walk.ts";
import { checkSyntax } from "./syntax-directive.ts";
import { buildPlatform, normalPlatform } from "./target-platform.ts";

/** A parsed request, and what all its platforms share. */
export interface Session {
  request: BuildRequest;
  services: PlanningServices;
  dockerfile: Dockerfile;
  report: CheckReport;
  contexts: ContextSteps;
  mainPaths: Set<string>;
}

export const planDockerfile: Frontend = async (request, services) => {
  const { name, text } = request.dockerfile;
  try {
    const report = newReport(request, (warning) => services.warn(warning));
    return await planAll(openSession(request, services, report));
  } catch (error) {
    throw asBuildFailure(error, name, text);
  }
};

/** `report` gets the findings, also those from before an error. @throws {DockerfileError} */
export function openSession(request: BuildRequest, services: PlanningServices, report = newReport(request)): Session {
  checkSyntax(request.dockerfile.text, request.buildArgs);
  const dockerfile = emptyDockerfile();
  try {
    parseDockerfile(request.dockerfile.text, dockerfile);
  } finally {
    checkInstructions(dockerfile, report);
  }
  checkWhole(dockerfile, report);
  return { request, services, dockerfile, report, contexts: new ContextSteps(), mainPaths: new Set() };
}

/** @throws {NaruError} invalid: `failed to parse check options: …` */
export function newReport({ dockerfile }: BuildRequest, onWarning?: (warning: BuildWarning) => void): CheckReport {
  return new CheckReport(dockerfile.name, checkDirective(dockerfile.text), onWarning);
}

/** Read before the rest, so that its findings can be told when the rest is wrong. */
function checkDirective(text: Uint8Array): string {
  for (const line of new TextDecoder().decode(text).split("\n", 20)) {
    const match = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line);
    if (match?.[1]?.toLowerCase() === "check") return match[2] ?? "";
    if (!match && !line.startsWith("#!")) break;
  }
  return "";
}

async function planAll(session: Session): Promise<BuildPlan> {
  const { request, report, contexts } = session;
  const wanted: (Platform | undefined)[] = request.platforms.length === 0 ? [undefined] : request.platforms;
  const plans: { planning: Planning; target: StageNode }[] = [];
  for (const platform of wanted) plans.push(await planPlatform(session, platform));
  const failure = report.failure();
  if (failure) throw failure;
  contexts.finish();
  const [first] = plans;
  return {
    targets: plans.map(({ planning, target }) => plannedTarget(planning, target)),
    instructions: first!.planning.instructions,
    warnings: report.warnings,
    sourceDateEpoch: readSourceDateEpoch(first!.planning),
    materials: materialsOf(plans.map(({ planning }) => planning)),
    usedArgs: usedArgs(first!.planning),
  };
}

/** One platform's graph. Undefined: the machine's platform, or the base image's. @throws {DockerfileError} */
export async function planPlatform(
  session: Session,
  wanted: Platform | undefined,
  wantsAllStages = false,
): Promise<{ planning: Planning; target: StageNode; reachable: ReadonlySet<StageNode> }> {
  const planning = newPlanning(session, wanted, wantsAllStages);
  checkDefaultBases(planning);
  const graph = buildStageGraph(planning);
  const target = graph.target();
  const reachable = await resolveBases(planning, graph, target);
  walkStages(planning, reachable);
  return { planning, target, reachable };
}

function newPlanning(session: Session, wanted: Platform | undefined, wantsAllStages: boolean): Planning {
  const { request, dockerfile } = session;
  const platform = normalPlatform(wanted ?? buildPlatform());
  const target = request.target || (dockerfile.stages.at(-1)?.name ?? "");
  const predefined = predefinedArgs(platform, target, request.buildArgs);
  const options = { escape: dockerfile.parsed.escape };
  const { args, facts } = addGlobalArgs(predefined, dockerfile.globalArgs, request.buildArgs, options);
  return {
    ...session,
    ignores: readIgnores(request.ignoreFile?.text),
    platform,
    isPlatformImplied: wanted === undefined,
    showsPlatform: isForSeveralPlatforms(request),
    wantsAllStages,
    globalArgs: args,
    globalArgFacts: facts,
    nodes: [],
    instructions: [],
    listed: { ports: 0 },
    planOther: (other, otherPlatform) => planOther(other, session.services, otherPlatform),
  };
}

/** Another build's graph, as a part of this one's. */
async function planOther(request: BuildRequest, services: PlanningServices, platform: Platform): Promise<StageNode> {
  const { name, text } = request.dockerfile;
  try {
    const session = openSession(request, services);
    const { target } = await planPlatform(session, platform);
    session.contexts.finish();
    return target;
  } catch (error) {
    throw asBuildFailure(error, name, text);
  }
}

/** @throws {NaruError} invalid */
function isForSeveralPlatforms({ buildArgs, platforms }: BuildRequest): boolean {
  const text = buildArgs.BUILDKIT_MULTI_PLATFORM ?? "";
  const said = findGoBool(text);
  if (text !== "" && said === undefined)
    throw new NaruError("invalid", `invalid boolean value for multi-platform: ${text}`);
  if (said === false && platforms.length > 1) {
    throw new NaruError("invalid", "returning multiple target platforms is not allowed");
  }
  return said ?? platforms.length > 1;
}

function plannedTarget({ request, platform, isPlatformImplied }: Planning, node: StageNode): PlannedTarget {
  const image = structuredClone(node.image);
  const { labels } = request;
  if (Object.keys(labels).length > 0) image.config.Labels = { ...image.config.Labels, ...labels };
  if (!isPlatformImplied || image.os === "" || image.architecture === "") {
    image.os = platform.os;
    image.architecture = platform.architecture;
    image.variant = platform.variant;
  }
  return {
    platform: isPlatformImplied ? normalPlatform(node.platform ?? platform) : platform,
    root: node.root,
    stage: node.stage.name,
    image,
    baseHistory: node.baseHistory,
    base: node.baseImage,
    history: node.history,
  };
}

function usedArgs(planning: Planning): Record<string, string> {
  const given = Object.entries(planning.request.buildArgs);
  const declared = planning.nodes.flatMap(({ declaredArgs }) =>
    declaredArgs.flatMap(({ name, value }): [string, string][] => (value === undefined ? [] : [[name, value]])),
  );
  return Object.fromEntries([...declared, ...given]);
}
