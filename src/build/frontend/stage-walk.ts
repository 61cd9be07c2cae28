/** Walks the instructions of the stages that are needed, in the order of the Dockerfile, and makes their steps. */
import { NaruError } from "../../lib/errors.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import type { WorkdirInstruction } from "../dockerfile/ast.ts";
import { DockerfileError, placed } from "../dockerfile/dockerfile-error.ts";
import type { Step } from "../solver/graph.ts";
import { DEFAULT_PATH, nameBase } from "./base-images.ts";
import { addHistory, applyConfig, HISTORY_COMMENT, setVariable } from "./config-instructions.ts";
import { addCopy } from "./copy-step.ts";
import { expandWord, type Planning } from "./planning.ts";
import { addRun } from "./run-step.ts";
import { type Command, type StageNode, slotOf } from "./stage-node.ts";
import { resolveIn } from "./stage-paths.ts";
import { numberedName, shownInstruction } from "./step-name.ts";

/** @throws {DockerfileError} */
export function walkStages(planning: Planning, reachable: ReadonlySet<StageNode>): void {
  for (const node of planning.nodes) {
    if (!reachable.has(node) || node.isDispatched) continue;
    walkStage(planning, node);
  }
}

function walkStage(planning: Planning, node: StageNode): void {
  node.inherit();
  node.isDispatched = true;
  node.platform ??= planning.platform;
  nameBase(planning, node);
  const env = node.config.Env ?? [];
  if (!env.some((entry) => entry.startsWith("PATH="))) node.config.Env = setVariable(env, "PATH", DEFAULT_PATH);
  for (const entry of node.config.Env ?? []) {
    const equals = entry.indexOf("=");
    node.env.set(equals < 0 ? entry : entry.slice(0, equals), equals < 0 ? "" : entry.slice(equals + 1));
  }
  const { text, range } = node.stage;
  planning.instructions.push({ text, range, step: node.base ? undefined : node.root });
  for (const command of node.commands) walkCommand(planning, node, command);
}

function walkCommand(planning: Planning, node: StageNode, command: Command): void {
  const { instruction } = command;
  node.isInTrigger = command.isTrigger;
  try {
    const step = apply(planning, node, command);
    planning.instructions.push({ text: instruction.text, range: instruction.range, step });
  } catch (error) {
    throw withWord(error, command);
  }
}

/** The caret goes to the word that the message names, when it stands in the instruction. */
function withWord(error: unknown, { instruction }: Command): unknown {
  if (!(error instanceof NaruError) || error instanceof DockerfileError) return error;
  const words = error.message.match(/[^\s'"(),:]+/g) ?? [];
  const near = words.findLast((word) => word.length > 1 && !/^[a-z]+$/.test(word) && instruction.text.includes(word));
  return placed(error, instruction.range, near ?? instruction.keyword);
}

function apply(planning: Planning, node: StageNode, command: Command): Step | undefined {
  const { instruction } = command;
  switch (instruction.kind) {
    case "RUN":
      return addRun(planning, node, command, instruction);
    case "COPY":
    case "ADD":
      return addCopy(planning, node, command, instruction);
    case "WORKDIR":
      return addWorkdir(planning, node, command, instruction);
    default:
      if (!applyConfig(planning, node, instruction)) throw new Error(`no step for ${goQuoted(instruction.kind)}`);
      return undefined;
  }
}

function addWorkdir(
  planning: Planning,
  node: StageNode,
  command: Command,
  instruction: WorkdirInstruction,
): Step | undefined {
  const path = expandWord(planning, node, instruction, instruction.path);
  const { range, comments, text: written } = instruction;
  if (!node.hasOwnWorkdir && !path.startsWith("/"))
    planning.report.report("WorkdirRelativePath", range, comments, path);
  node.hasOwnWorkdir = true;
  const directory = resolveIn(node.config.WorkingDir || "/", path);
  node.config.WorkingDir = directory;
  if (directory === "/") {
    addHistory(node, `WORKDIR ${directory}`);
    return undefined;
  }
  const text = shownInstruction(written, node.env, planning.dockerfile.parsed.escape, false);
  const name = numberedName(node, text, planning.showsPlatform, node.platform!);
  const owner = node.config.User ? { owner: node.config.User } : {};
  const step: Step = {
    operation: { type: "file", root: node.root, actions: [{ action: "mkdir", path: directory, ...owner }] },
    show: { name, group: node.name || undefined, range, slot: slotOf(node, command) },
    ignoresCache: node.ignoresCache || undefined,
  };
  node.root = step;
  node.history.push({ created_by: `WORKDIR ${directory}`, comment: HISTORY_COMMENT, step });
  return step;
}
