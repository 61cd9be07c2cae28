/** Mistakes in a Dockerfile as failures of its build, with the word at fault. */
import { BuildFailure, type FailurePlace, type SourceRange } from "../contract.ts";
import { DockerfileError } from "./dockerfile-error.ts";

/** The mistake as a failure of the build, with its place in this file. Anything else comes back as it is. */
export function asBuildFailure(error: unknown, file: string, text: Uint8Array): unknown {
  if (!(error instanceof DockerfileError)) return error;
  const place = { file, text, ranges: error.ranges, caret: findCaret(error.near, error.ranges, text) };
  return new BuildFailure(error.message, place, { kind: error.kind, cause: error });
}

function findCaret(near: string | undefined, ranges: SourceRange[], text: Uint8Array): FailurePlace["caret"] {
  if (near === undefined || near === "") return undefined;
  const lines = new TextDecoder().decode(text).split("\n");
  for (const { start, end } of ranges) {
    for (let line = start.line; line <= Math.min(end.line, lines.length); line += 1) {
      const column = lines[line - 1]!.indexOf(near);
      if (column >= 0) return { line, column, length: near.length };
    }
  }
  return undefined;
}
