/** What is printed when a build has ended. */
import type { BuildWarning } from "../../model/build.ts";
import type { BuildEnd } from "../../model/build-exchange.ts";
import { type BuildState, type StepState, warningText } from "./progress/build-state.ts";

const RULE = "------";
const YELLOW = "\u001b[33m";
const PLAIN = "\u001b[0m";

type Failure = Extract<BuildEnd, { type: "failure" }>;

/** The failed step with what it printed last, the lines of the Dockerfile, and the reason. */
export function failureText(failure: Failure, state: BuildState | undefined): string {
  const failed = failure.isCancelled ? undefined : failedStep(state, failure.step);
  const lines = failed
    ? [RULE, ` > ${failed.step.name}:`, ...failed.lines.map((line) => lineText(line)), RULE, ""]
    : [];
  const reason = failure.isCancelled ? "Canceled: context canceled" : failure.message;
  return `${lines.join("\n")}${failure.excerpt}ERROR: failed to build: failed to solve: ${reason}`;
}

function lineText({ seconds, text }: { seconds: number; text: string }): string {
  return `${seconds.toFixed(3)} ${text}`.trimEnd();
}

function failedStep(state: BuildState | undefined, digest: string | undefined): StepState | undefined {
  const known = digest === undefined ? undefined : state?.steps.get(digest);
  return known ?? [...(state?.steps.values() ?? [])].find(({ step }) => step.error !== undefined);
}

/** A line for each warning; with `isExpanded` also what the rule says. Empty without warnings. */
export function warningsText(
  warnings: readonly BuildWarning[],
  options: { program: string; isExpanded: boolean; hasColors: boolean },
): string {
  if (warnings.length === 0) return "";
  const { program, isExpanded, hasColors } = options;
  const count = `${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"} found`;
  const title = ` ${count}${isExpanded ? ":" : ` (use ${program} build --debug to expand):`}`;
  const heading = hasColors ? `${YELLOW}${title}${PLAIN}` : title;
  const lines = warnings.flatMap((warning) => [
    ` - ${warningText(warning)}`,
    ...(isExpanded ? warning.detail.map((text) => `   ${text}`) : []),
  ]);
  return `\n${[heading, ...lines].join("\n")}\n`;
}
