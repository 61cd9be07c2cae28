/** Instructions that only change the image's configuration, with their lines of history in BuildKit's words. */
import { NaruError } from "../../lib/errors.ts";
import { durationText } from "../../lib/go-duration.ts";
import { goQuoted, goQuotedList } from "../../lib/go-quote.ts";
import { signalNumber } from "../../lib/signals.ts";
import type { HealthConfig } from "../../model/container.ts";
import type {
  ArgInstruction,
  CmdInstruction,
  CommandLine,
  EntrypointInstruction,
  EnvInstruction,
  HealthcheckInstruction,
  Instruction,
  LabelInstruction,
} from "../dockerfile/ast.ts";
import { expand } from "../dockerfile/expansion.ts";
import { exposedPorts } from "./exposed-ports.ts";
import { expandWord, expansionOptions, type Planning, reportUndefined } from "./planning.ts";
import type { StageNode } from "./stage-node.ts";

export const HISTORY_COMMENT = "buildkit.dockerfile.v0";
const DEFAULT_SHELL = ["/bin/sh", "-c"];
/** Only for those that may serve as secrets by their name's words. */
const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const NO_SECRET = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/** Applies the instruction; false: it is none of these. @throws {NaruError} invalid */
export function applyConfig(planning: Planning, node: StageNode, instruction: Instruction): boolean {
  const { config } = node;
  const word = (text: string) => expandWord(planning, node, instruction, text);
  switch (instruction.kind) {
    case "ARG":
      declareArgs(planning, node, instruction);
      return true;
    case "ENV":
      setEnv(planning, node, instruction);
      return true;
    case "LABEL":
      setLabels(planning, node, instruction);
      return true;
    case "CMD":
      setCmd(planning, node, instruction);
      return true;
    case "ENTRYPOINT":
      setEntrypoint(planning, node, instruction);
      return true;
    case "HEALTHCHECK":
      setHealthcheck(planning, node, instruction);
      return true;
    case "SHELL":
      config.Shell = instruction.shell;
      addHistory(node, `SHELL [${instruction.shell.join(" ")}]`);
      return true;
    case "MAINTAINER":
      node.image.author = instruction.maintainer;
      addHistory(node, `MAINTAINER ${instruction.maintainer}`);
      return true;
    case "USER":
      config.User = word(instruction.user);
      addHistory(node, `USER ${config.User}`);
      return true;
    case "STOPSIGNAL":
      config.StopSignal = word(instruction.signal);
      signalNumber(config.StopSignal);
      addHistory(node, `STOPSIGNAL ${config.StopSignal}`);
      return true;
    case "VOLUME":
      addVolumes(node, instruction.paths.map(word));
      return true;
    case "EXPOSE": {
      const ports = exposedPorts(planning, node, instruction);
      config.ExposedPorts ??= {};
      for (const port of ports) config.ExposedPorts[port] = {};
      addHistory(node, `EXPOSE [${ports.join(" ")}]`);
      return true;
    }
    case "ONBUILD":
      config.OnBuild = [...(config.OnBuild ?? []), instruction.trigger];
      return true;
    default:
      return false;
  }
}

export function addHistory(node: StageNode, createdBy: string): void {
  node.history.push({ created_by: createdBy, comment: HISTORY_COMMENT });
}

/** A shell's command line, or the exec form as it is. */
export function commandWords(node: StageNode, { form, arguments: words }: CommandLine): string[] {
  if (form === "exec") return words;
  return [...(node.config.Shell?.length ? node.config.Shell : DEFAULT_SHELL), words.join(" ")];
}

/** Sets a variable where the image has it, or at the end. */
export function setVariable(env: readonly string[], name: string, value: string): string[] {
  const index = env.findIndex((entry) => entry.split("=", 1)[0] === name);
  return index < 0 ? [...env, `${name}=${value}`] : env.with(index, `${name}=${value}`);
}

function setEnv(planning: Planning, node: StageNode, instruction: EnvInstruction): void {
  // All words see the values from before the instruction.
  const pairs = instruction.pairs.map(({ key, value, legacy }) => ({
    key: expandWord(planning, node, instruction, key),
    value: expandWord(planning, node, instruction, value),
    legacy,
  }));
  for (const { key, value, legacy } of pairs) {
    if (legacy) reportLegacy(planning, instruction);
    reportSecret(planning, instruction, key);
    node.env.set(key, value);
    node.config.Env = setVariable(node.config.Env ?? [], key, value);
  }
  addHistory(node, ["ENV", ...pairs.map(({ key, value }) => `${key}=${value}`)].join(" "));
}

function setLabels(planning: Planning, node: StageNode, instruction: LabelInstruction): void {
  const labels: Record<string, string> = { ...node.config.Labels };
  const texts = instruction.pairs.map(({ key, value, legacy }) => {
    if (legacy) reportLegacy(planning, instruction);
    const name = expandWord(planning, node, instruction, key);
    labels[name] = expandWord(planning, node, instruction, value);
    return `${name}=${labels[name]}`;
  });
  node.config.Labels = labels;
  addHistory(node, ["LABEL", ...texts].join(" "));
}

function reportLegacy(planning: Planning, { range, comments, keyword }: EnvInstruction | LabelInstruction): void {
  planning.report.report("LegacyKeyValueFormat", range, comments, keyword);
}

function reportSecret(planning: Planning, { kind, range, comments }: Instruction, name: string): void {
  if (!SECRET.test(name) || NO_SECRET.test(name)) return;
  planning.report.report("SecretsUsedInArgOrEnv", range, comments, kind, name);
}

function setCmd(planning: Planning, node: StageNode, instruction: CmdInstruction): void {
  reportShellForm(planning, node, instruction);
  reportRepeated(planning, node, instruction);
  const words = commandWords(node, instruction.command);
  node.config.Cmd = words;
  node.config.ArgsEscaped = true;
  addHistory(node, `CMD ${goQuotedList(words)}`);
}

/** An entrypoint lets the base's command go, but not one that this stage set. */
function setEntrypoint(planning: Planning, node: StageNode, instruction: EntrypointInstruction): void {
  reportShellForm(planning, node, instruction);
  const hadCmd = node.lastOf.has("CMD");
  reportRepeated(planning, node, instruction);
  const words = commandWords(node, instruction.command);
  node.config.Entrypoint = words.length === 0 ? null : words;
  if (!hadCmd) node.config.Cmd = null;
  addHistory(node, `ENTRYPOINT ${goQuotedList(words)}`);
}

function reportShellForm(planning: Planning, node: StageNode, instruction: CmdInstruction | EntrypointInstruction) {
  if (instruction.command.form === "exec" || node.config.Shell?.length) return;
  planning.report.report("JSONArgsRecommended", instruction.range, instruction.comments, instruction.keyword);
}

function reportRepeated(
  planning: Planning,
  node: StageNode,
  { kind, keyword, range, comments }: CmdInstruction | EntrypointInstruction | HealthcheckInstruction,
): void {
  const earlier = node.lastOf.get(kind);
  if (earlier) planning.report.report("MultipleInstructionsDisallowed", earlier, comments, keyword);
  node.lastOf.set(kind, range);
}

function setHealthcheck(planning: Planning, node: StageNode, instruction: HealthcheckInstruction): void {
  reportRepeated(planning, node, instruction);
  node.config.Healthcheck = instruction.health;
  addHistory(node, `HEALTHCHECK ${healthText(instruction.health)}`);
}

/** As BuildKit prints its structure: the number of retries stands as a quoted character. */
function healthText(health: HealthConfig): string {
  const durations = [health.Interval, health.Timeout, health.StartPeriod, health.StartInterval];
  const texts = durations.map((duration) => goQuoted(durationText(duration ?? 0)));
  return `&{${goQuotedList(health.Test ?? [])} ${texts.join(" ")} ${quotedCharacter(health.Retries ?? 0)}}`;
}

function quotedCharacter(code: number): string {
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  const inner = goQuoted(isCharacter ? String.fromCodePoint(code) : "\ufffd").slice(1, -1);
  return `'${inner === '\\"' ? '"' : inner === "'" ? "\\'" : inner}'`;
}

function addVolumes(node: StageNode, paths: readonly string[]): void {
  if (paths.includes("")) throw new NaruError("invalid", "VOLUME specified can not be an empty string");
  node.config.Volumes = { ...node.config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
  addHistory(node, `VOLUME [${paths.join(" ")}]`);
}

function declareArgs(planning: Planning, node: StageNode, instruction: ArgInstruction): void {
  const texts = instruction.args.map(({ name, value: text, description = "" }) => {
    reportSecret(planning, instruction, name);
    const { value, isInherited } = argValue(planning, node, instruction, name, text);
    const { range } = instruction;
    if (!isInherited) node.args.set(name, { name, value: value ?? "", description, range, uses: new Set() });
    if (value !== undefined && !isScanArg(name)) node.env.set(name, value);
    node.usedArgs.add(name);
    node.declaredArgs.push({ name, value });
    return value === undefined ? name : `${name}=${value}`;
  });
  addHistory(node, ["ARG", ...texts].join(" "));
}

/** A build argument goes before the default; without both the global scope's value holds. */
function argValue(planning: Planning, node: StageNode, place: ArgInstruction, name: string, text: string | undefined) {
  const { buildArgs } = planning.request;
  if (Object.hasOwn(buildArgs, name)) return { value: buildArgs[name], isInherited: false };
  if (text === undefined) {
    const value = planning.globalArgs.get(name);
    return { value, isInherited: value !== undefined };
  }
  const result = expand(text, node.env, expansionOptions(planning));
  reportUndefined(planning, node, place, result);
  return { value: result.text, isInherited: false };
}

/** These speak to the builder, not to the stage's processes. */
function isScanArg(name: string): boolean {
  return name === "BUILDKIT_SBOM_SCAN_CONTEXT" || name === "BUILDKIT_SBOM_SCAN_STAGE";
}
