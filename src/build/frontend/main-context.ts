/** The build's own context as a step. */
import { NaruError } from "../../lib/errors.ts";
import type { Step } from "../solver/graph.ts";
import type { Planning } from "./planning.ts";

/** The step that brings the context, which then also brings `paths`. @throws {NaruError} invalid when there is none */
export function mainContext(planning: Planning, paths: readonly string[]): Step {
  const { context } = planning.request;
  if (!context) {
    const advice = "name a directory instead of piping the Dockerfile alone";
    throw new NaruError("invalid", `there is no build context to take files from: ${advice}`);
  }
  for (const path of paths) planning.mainPaths.add(path);
  const { patterns } = planning.ignores;
  return planning.contexts.ensure(context, "[internal] load build context", patterns, planning.mainPaths).step;
}
