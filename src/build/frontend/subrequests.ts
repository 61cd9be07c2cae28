/** `--check` and `--call`: what BuildKit's sub-requests lint, outline and targets answer, as JSON that clients format. */
import { errorText, NaruError } from "../../lib/errors.ts";
import type { BuildRequest, SourceRange } from "../contract.ts";
import { linesOf } from "../dockerfile/check-report.ts";
import { CHECK_RULES, type CheckRuleName } from "../dockerfile/check-rules.ts";
import { DockerfileError } from "../dockerfile/dockerfile-error.ts";
import { asBuildFailure } from "../dockerfile/excerpt.ts";
import { parseDockerfile } from "../dockerfile/instruction-parser.ts";
import type { PlanningServices, SubrequestAnswerer } from "../solver/graph.ts";
import { newReport, openSession, planPlatform } from "./dockerfile-frontend.ts";
import { locationOf } from "./location.ts";
import { outlineOf } from "./outline.ts";

export const answerSubrequest: SubrequestAnswerer = async (request, services) => {
  const { name, text } = request.dockerfile;
  try {
    switch (request.onlyCheck) {
      case "lint":
        return await lint(request, services);
      case "outline":
        return await outline(request, services);
      case "targets":
        return listTargets(text);
      default:
        throw new NaruError("internal", "the request asks for no check");
    }
  } catch (error) {
    throw asBuildFailure(error, name, text);
  }
};

/** Mistakes in the Dockerfile are part of the answer, beside what was found before them. */
async function lint(request: BuildRequest, services: PlanningServices): Promise<Record<string, unknown>> {
  const report = newReport(request);
  const failure = await findMistake(request, services, report);
  const warnings = report.warnings.map(({ rule, short, ranges }) => ({
    ruleName: rule,
    description: CHECK_RULES[rule as CheckRuleName].help,
    detail: short,
    location: locationOf(ranges),
  }));
  const { name, text } = request.dockerfile;
  const sources = [{ filename: name, data: Buffer.from(text).toString("base64"), language: "Dockerfile" }];
  const buildError = failure && { message: errorText(failure), location: locationOf(rangesOf(failure)) };
  return { warnings: warnings.length === 0 ? null : warnings, sources, ...(buildError ? { buildError } : {}) };
}

async function findMistake(
  request: BuildRequest,
  services: PlanningServices,
  report: ReturnType<typeof newReport>,
): Promise<NaruError | undefined> {
  try {
    const session = openSession(request, services, report);
    // Without a target all stages are looked at.
    await planPlatform(session, request.platforms[0], request.target === "");
    return report.failure();
  } catch (error) {
    if (error instanceof NaruError) return error;
    throw error;
  }
}

function rangesOf(error: NaruError): SourceRange[] {
  return error instanceof DockerfileError ? error.ranges.flatMap(linesOf) : [];
}

async function outline(request: BuildRequest, services: PlanningServices): Promise<Record<string, unknown>> {
  const session = openSession(request, services);
  const { target } = await planPlatform(session, request.platforms[0]);
  const failure = session.report.failure();
  if (failure) throw failure;
  return { ...outlineOf(target), sources: [Buffer.from(request.dockerfile.text).toString("base64")] };
}

function listTargets(text: Uint8Array): Record<string, unknown> {
  const { stages } = parseDockerfile(text);
  const targets = stages.map(({ name, description, base, platform, range }, index) => ({
    ...(name === "" ? {} : { name }),
    ...(description === "" ? {} : { description }),
    ...(index === stages.length - 1 ? { default: true } : {}),
    base,
    ...(platform === "" ? {} : { platform }),
    location: locationOf(linesOf(range)),
  }));
  return { targets, sources: [Buffer.from(text).toString("base64")] };
}
