/** Arguments before the first FROM, with the platform's own. */
import type { Platform } from "../../model/image.ts";
import type { ArgInstruction } from "../dockerfile/ast.ts";
import { atPlace } from "../dockerfile/dockerfile-error.ts";
import { type ExpansionOptions, expand } from "../dockerfile/expansion.ts";
import type { ArgFact } from "./stage-node.ts";
import { buildPlatform, platformArgs } from "./target-platform.ts";

/** The platform's arguments; `--build-arg` goes first. */
export function predefinedArgs(
  platform: Platform,
  target: string,
  buildArgs: Readonly<Record<string, string>>,
): Map<string, string> {
  const own = [...platformArgs("BUILD", buildPlatform()), ...platformArgs("TARGET", platform)];
  const args = new Map([...own, ["TARGETSTAGE", target || "default"] as [string, string]]);
  for (const name of args.keys()) if (Object.hasOwn(buildArgs, name)) args.set(name, buildArgs[name]!);
  return args;
}

/** Adds the Dockerfile's global ARGs in order; each sees those before it. @throws {DockerfileError} */
export function addGlobalArgs(
  start: ReadonlyMap<string, string>,
  instructions: readonly ArgInstruction[],
  buildArgs: Readonly<Record<string, string>>,
  options: ExpansionOptions,
): { args: Map<string, string>; facts: Map<string, ArgFact> } {
  const args = new Map(start);
  const facts = new Map<string, ArgFact>();
  for (const { args: declarations, range } of instructions) {
    for (const { name, value: text, description = "" } of declarations) {
      const uses = new Set<string>();
      let value: string | undefined = Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;
      if (value === undefined && text !== undefined) {
        const result = atPlace(range, () => expand(text, args, options));
        value = result.text;
        for (const used of result.used) uses.add(used);
        if (uses.delete(name)) for (const used of facts.get(name)?.uses ?? []) uses.add(used);
      }
      if (value !== undefined) args.set(name, value);
      facts.set(name, { name, value: value ?? "", description, range, uses });
    }
  }
  return { args, facts };
}

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/** Proxies given as build arguments: every process sees them in both spellings, but no cache key and no history does. */
export function proxyEnv(buildArgs: Readonly<Record<string, string>>): string[] {
  return PROXIES.flatMap((name) => {
    const given = Object.keys(buildArgs)
      .toSorted()
      .findLast((key) => key.toUpperCase() === name);
    return given === undefined ? [] : [`${name}=${buildArgs[given]}`, `${name.toLowerCase()}=${buildArgs[given]}`];
  });
}
