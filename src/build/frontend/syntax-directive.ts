/**
 * "# syntax=docker/dockerfile:1": which frontend reads the Dockerfile. naru has that one built in, at the newest version
 * of the language; whatever tag or digest is asked for, and from whatever mirror, nothing is fetched. Other frontends are programs in
 * images, which are not run.
 */
import { NaruError } from "../../lib/errors.ts";
import { parseReference } from "../../lib/image-reference.ts";
import type { SourceRange } from "../contract.ts";
import { DockerfileError } from "../dockerfile/dockerfile-error.ts";

const BUILT_IN = /(^|\/)docker\/dockerfile(-upstream)?$/;
const HASH_FORM = /^#\s*syntax\s*=\s*(\S+)/i;
const SLASH_FORM = /^\/\/\s*syntax\s*=\s*(\S+)/i;

/** @throws {DockerfileError} when the text asks for another frontend */
export function checkSyntax(text: Uint8Array, buildArgs: Readonly<Record<string, string>>): void {
  const fromArgs = buildArgs.BUILDKIT_SYNTAX?.trim().split(/\s/)[0];
  if (fromArgs) {
    if (!isBuiltIn(fromArgs)) throw new NaruError("not-implemented", refusal(fromArgs, "BUILDKIT_SYNTAX"));
    return;
  }
  const found = findSyntax(text);
  if (!found || isBuiltIn(found.value)) return;
  const message = refusal(found.value, "the syntax line");
  throw new DockerfileError(message, [found.range], found.value, { kind: "not-implemented" });
}

function refusal(frontend: string, place: string): string {
  return `the frontend ${frontend} is a program in an image and is not run: only docker/dockerfile is built in; remove ${place}`;
}

/** In the comments at the top, or as other frontends have it: after "//", or in a JSON object. */
function findSyntax(text: Uint8Array): { value: string; range: SourceRange } | undefined {
  const lines = new TextDecoder().decode(text.subarray(0, 64 * 1024)).split("\n");
  const start = lines[0]?.startsWith("#!") ? 1 : 0;
  for (const form of [HASH_FORM, SLASH_FORM]) {
    const comment = form === HASH_FORM ? "#" : "//";
    for (let at = start; lines[at]?.startsWith(comment) && /=/.test(lines[at]!); at += 1) {
      const value = form.exec(lines[at]!)?.[1];
      const place = { line: at + 1, column: 0 };
      if (value !== undefined) return { value, range: { start: place, end: place } };
    }
  }
  return jsonSyntax(text, lines);
}

function jsonSyntax(text: Uint8Array, lines: readonly string[]) {
  if (!lines[0]?.trimStart().startsWith("{")) return undefined;
  try {
    const { syntax } = JSON.parse(new TextDecoder().decode(text)) as { syntax?: unknown };
    const place = { line: 1, column: 0 };
    return typeof syntax === "string" ? { value: syntax, range: { start: place, end: place } } : undefined;
  } catch {
    // No JSON, then: a Dockerfile, with whatever is wrong in it.
    return undefined;
  }
}

function isBuiltIn(reference: string): boolean {
  try {
    return BUILT_IN.test(parseReference(reference).path);
  } catch (error) {
    if (error instanceof NaruError) return false;
    throw error;
  }
}
