/** What all parts of making one platform's graph share. */
import type { IgnoreMatcher } from "../../lib/ignore-patterns.ts";
import type { Platform } from "../../model/image.ts";
import type { BuildRequest, SourceRange } from "../contract.ts";
import type { Dockerfile } from "../dockerfile/ast.ts";
import type { CheckReport } from "../dockerfile/check-report.ts";
import { type Expansion, type ExpansionOptions, expand } from "../dockerfile/expansion.ts";
import { nearestWord } from "../dockerfile/suggestion.ts";
import type { PlannedInstruction, PlanningServices } from "../solver/graph.ts";
import type { ContextSteps } from "./context-steps.ts";
import type { ArgFact, StageNode } from "./stage-node.ts";

export interface Planning {
  readonly request: BuildRequest;
  readonly services: PlanningServices;
  readonly dockerfile: Dockerfile;
  readonly report: CheckReport;
  readonly contexts: ContextSteps;
  /** Of the main context. */
  readonly ignores: { patterns: readonly string[]; matcher?: IgnoreMatcher };
  /** Paths that the build reads from the main context. */
  readonly mainPaths: Set<string>;
  readonly platform: Platform;
  /** The client named no platform: the base image's own is good. */
  readonly isPlatformImplied: boolean;
  readonly showsPlatform: boolean;
  /** Every stage is looked at, also unused ones (build checks). */
  readonly wantsAllStages: boolean;
  /** What FROM sees: ARGs before it and the platform's. */
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly globalArgFacts: ReadonlyMap<string, ArgFact>;
  readonly nodes: StageNode[];
  readonly instructions: PlannedInstruction[];
  /** Plans another build with the same services. @returns the stage that it makes. @throws {BuildFailure} */
  planOther(request: BuildRequest, platform: Platform): Promise<StageNode>;
  /** How much there is already of what a short text can make much of. */
  readonly listed: { ports: number };
}

export function expansionOptions(planning: Planning): ExpansionOptions {
  return { escape: planning.dockerfile.parsed.escape };
}

interface Place {
  range: SourceRange;
  comments: readonly string[];
}

/** A word of an instruction with the values of the stage's variables. @throws {NaruError} invalid */
export function expandWord(planning: Planning, node: StageNode, place: Place, word: string): string {
  const result = expand(word, node.env, expansionOptions(planning));
  reportUndefined(planning, node, place, result);
  return result.text;
}

/** The text of a here-document: quotes mean nothing in it, and the escape is always the backslash. */
export function expandDocument(planning: Planning, node: StageNode, place: Place, text: string): string {
  const result = expand(text, node.env, { escape: "\\", ignoresQuotes: true });
  reportUndefined(planning, node, place, result);
  return result.text;
}

/** Tells of variables that nothing in the stage has defined; an ARG without a value is defined. */
export function reportUndefined(planning: Planning, node: StageNode, place: Place, { missing }: Expansion): void {
  for (const name of missing) {
    if (node.declaredArgs.some((arg) => arg.name === name)) continue;
    planning.report.report("UndefinedVar", place.range, place.comments, name, nearestWord(name, node.env.keys()));
  }
}
