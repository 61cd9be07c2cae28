/** Which stage stands on which: names, numbers, bases, sources, the target, circles, and what is not needed. */
import { NaruError } from "../../lib/errors.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import { parseReference } from "../../lib/image-reference.ts";
import type { Platform } from "../../model/image.ts";
import type { SourceRange } from "../contract.ts";
import type { Instruction, Stage } from "../dockerfile/ast.ts";
import { atPlace, DockerfileError } from "../dockerfile/dockerfile-error.ts";
import { type Expansion, expand } from "../dockerfile/expansion.ts";
import { mountSource } from "../dockerfile/run-mount.ts";
import { nearestWord, suggestion } from "../dockerfile/suggestion.ts";
import { addGlobalArgs } from "./global-args.ts";
import { findNamedContext } from "./named-contexts.ts";
import { expansionOptions, type Planning } from "./planning.ts";
import { type Command, outsideNode, StageNode } from "./stage-node.ts";
import { platformArgs, readPlatform } from "./target-platform.ts";

/** Makes the nodes of all stages and of what they copy from. @throws {DockerfileError} */
export function buildStageGraph(planning: Planning): StageGraph {
  const graph = new StageGraph(planning);
  for (const [index, stage] of planning.dockerfile.stages.entries()) graph.addStage(stage, index);
  for (const node of [...graph.nodes]) graph.addCommands(node);
  graph.refuseCircles();
  if (graph.nodes.length === 1) graph.nodes[0]!.name = "";
  return graph;
}

export class StageGraph {
  readonly nodes: StageNode[];
  private readonly stages: StageNode[] = [];
  private readonly byName = new Map<string, StageNode>();
  /** Images and contexts that are no stages. */
  private readonly outside = new Map<string, StageNode>();

  constructor(private readonly planning: Planning) {
    this.nodes = planning.nodes;
  }

  names(): string[] {
    return this.nodes.map((node) => node.name).filter((name) => name !== "");
  }

  addStage(stage: Stage, index: number): void {
    const node = new StageNode(stage);
    const baseName = this.expandFrom(stage, stage.base, node);
    if (baseName.text === "") throw placeError(stage, `base name (${stage.base}) should not be blank`, stage.base);
    node.baseName = baseName.text;
    if (stage.platform !== "") node.platform = this.readStagePlatform(stage, node);
    if (stage.name !== "") {
      node.namedContext = findNamedContext(this.planning, stage.name, node.platform ?? this.planning.platform);
    }
    if (!node.namedContext) node.base = this.byName.get(node.baseName);
    if (stage.name === "") node.name = `stage-${index}`;
    for (const [name, fact] of this.planning.globalArgFacts) node.args.set(name, fact);
    node.stepTotal = stepCount(stage.instructions, node);
    node.ignoresCache = this.ignoresCache(stage.name);
    this.nodes.push(node);
    this.stages.push(node);
    if (stage.name === "") return;
    this.byName.set(stage.name, node);
  }

  /** @throws {NaruError} invalid: `target stage "x" could not be found` */
  target(): StageNode {
    const wanted = this.planning.request.target;
    if (wanted === "") return this.stages.at(-1)!;
    const found = this.byName.get(wanted.toLowerCase()) ?? this.stageByNumber(wanted);
    if (found) return found;
    const meant = suggestion(wanted, this.names());
    throw new NaruError("invalid", `target stage ${goQuoted(wanted)} could not be found${meant}`);
  }

  /** Links the instructions of a stage to the stages that they read. A stage that a context replaces runs none. */
  addCommands(node: StageNode): void {
    if (node.namedContext) return;
    node.commands = node.stage.instructions.map((instruction, index) =>
      this.command(node, instruction, String(index), false),
    );
  }

  command(node: StageNode, instruction: Instruction, index: string, isTrigger: boolean): Command {
    const sources = atPlace(instruction.range, () => this.sourcesOf(instruction));
    for (const source of sources) if (source) node.dependencies.set(source, instruction.range);
    return { instruction, sources, isTrigger, index };
  }

  refuseCircles(): void {
    const done = new Set<StageNode>();
    for (const start of this.nodes) {
      const circle = findCircle(start, done);
      if (!circle) continue;
      const message = `circular dependency detected on stage: ${start.name}`;
      throw new DockerfileError(message, circle);
    }
  }

  private ignoresCache(name: string): boolean {
    const { noCache, noCacheStages } = this.planning.request;
    return noCache || noCacheStages.some((stage) => stage.toLowerCase() === name && name !== "");
  }

  private stageByNumber(text: string): StageNode | undefined {
    return /^\d+$/.test(text) ? this.stages[Number(text)] : undefined;
  }

  private expandFrom(stage: Stage, text: string, node: StageNode): Expansion {
    const { globalArgs, globalArgFacts, report } = this.planning;
    const result = atPlace(stage.range, () => expand(text, globalArgs, expansionOptions(this.planning)));
    const known = new Set([...globalArgFacts.keys(), ...globalArgs.keys()]);
    for (const name of result.missing) {
      if (known.has(name)) continue;
      report.report("UndefinedArgInFrom", stage.range, stage.comments, name, nearestWord(name, known));
    }
    for (const name of result.used) node.usedArgs.add(name);
    return result;
  }

  private readStagePlatform(stage: Stage, node: StageNode): Platform {
    const result = this.expandFrom(stage, stage.platform, node);
    checkPlatformWord(this.planning, stage, result);
    const meant = () =>
      [...result.missing].map((name) => suggestion(name, this.planning.globalArgs.keys())).find(Boolean) ?? "";
    if (result.text === "") {
      throw placeError(stage, `empty platform value from expression ${stage.platform}${meant()}`, stage.platform);
    }
    try {
      return readPlatform(result.text);
    } catch (error) {
      if (!(error instanceof NaruError)) throw error;
      const message = `failed to parse platform ${stage.platform}: ${error.message}${meant()}`;
      throw placeError(stage, message, stage.platform);
    }
  }

  private sourcesOf(instruction: Instruction): (StageNode | undefined)[] {
    if (instruction.kind === "COPY" && instruction.from !== "") {
      return [this.copySource(instruction.from, instruction.range)];
    }
    if (instruction.kind !== "RUN") return [];
    return instruction.mounts.map((text) => {
      const type = /(?:^|,)type=(\w+)/i.exec(text)?.[1]?.toLowerCase();
      if (type === "tmpfs" || type === "secret" || type === "ssh") return undefined;
      // A cache without a source begins empty.
      const from = mountSource(text) || (type === "cache" ? "scratch" : "");
      return from === "" ? undefined : this.named(from, instruction.range);
    });
  }

  private copySource(from: string, range: SourceRange): StageNode {
    const result = expand(from, new Map(), expansionOptions(this.planning));
    if (result.text !== from) {
      const advice = "define a new stage with FROM using ARG from global scope as a workaround";
      throw new NaruError("invalid", `variable expansion is not supported for --from, ${advice}`);
    }
    if (!/^[+-]?\d+$/.test(from)) return this.named(from, range);
    const node = this.stages[Number(from)];
    if (!node) throw new NaruError("invalid", `invalid stage index ${Number(from)}`);
    return node;
  }

  private named(name: string, range: SourceRange): StageNode {
    const known = this.byName.get(name.toLowerCase()) ?? this.outside.get(name);
    if (known) return known;
    const node = outsideNode(name, range);
    this.outside.set(name, node);
    this.nodes.push(node);
    return node;
  }
}

function placeError(stage: Stage, message: string, near: string): DockerfileError {
  return new DockerfileError(message, [stage.range], near);
}

/** Instructions that make a step, and the base when it is an image. */
function stepCount(instructions: readonly Instruction[], node: StageNode): number {
  const steps = instructions.filter(({ kind }) => ["ADD", "COPY", "RUN", "WORKDIR"].includes(kind)).length;
  return steps + (node.baseName !== "scratch" && !node.base ? 1 : 0);
}

function checkPlatformWord({ globalArgs, report }: Planning, stage: Stage, result: Expansion): void {
  const { used, missing, text } = result;
  const { range, comments, name } = stage;
  if (used.size === 0 && missing.size === 0) {
    const platform = constantPlatform(text);
    const isInName = platform && (name.includes(platform.os) || name.includes(platform.architecture));
    if (platform && !isInName) report.report("FromPlatformFlagConstDisallowed", range, comments, text);
  }
  const isTarget = used.size === 1 && missing.size === 0 && used.has("TARGETPLATFORM");
  if (isTarget && text === globalArgs.get("TARGETPLATFORM")) {
    report.report("RedundantTargetPlatform", range, comments, stage.platform);
  }
}

function constantPlatform(text: string): Platform | undefined {
  try {
    return readPlatform(text);
  } catch (error) {
    if (error instanceof NaruError) return undefined;
    throw error;
  }
}

/** The places of the instructions on a way back to a node that is being looked at. Deep chains need no stack. */
function findCircle(start: StageNode, done: Set<StageNode>): SourceRange[] | undefined {
  const way: { node: StageNode; rest: [StageNode, SourceRange][]; range: SourceRange }[] = [];
  const onWay = new Set<StageNode>();
  const enter = (node: StageNode, range: SourceRange) => {
    done.add(node);
    onWay.add(node);
    way.push({ node, rest: [...node.dependencies], range });
  };
  if (!done.has(start)) enter(start, start.stage.range);
  for (let top = way.at(-1); top; top = way.at(-1)) {
    const next = top.rest.shift();
    if (!next) {
      onWay.delete(top.node);
      way.pop();
      continue;
    }
    if (onWay.has(next[0])) return [...way.slice(1).map(({ range }) => range), next[1]];
    if (!done.has(next[0])) enter(...next);
  }
  return undefined;
}

/** Base names must be good also when nobody gives build arguments. */
export function checkDefaultBases(planning: Planning): void {
  const { dockerfile, report } = planning;
  const start = new Map([...planning.globalArgs].filter(([name]) => !planning.globalArgFacts.has(name)));
  for (const [name, value] of platformArgs("TARGET", planning.platform)) start.set(name, value);
  try {
    const { args } = addGlobalArgs(start, dockerfile.globalArgs, {}, expansionOptions(planning));
    for (const { base, range, comments } of dockerfile.stages) {
      const name = expand(base, args, expansionOptions(planning)).text;
      if (!isImageName(name)) report.report("InvalidDefaultArgInFrom", range, comments, base);
    }
  } catch (error) {
    // The same mistake is told, with its place, where the values are needed.
    if (!(error instanceof NaruError)) throw error;
  }
}

function isImageName(name: string): boolean {
  try {
    parseReference(name);
    return true;
  } catch (error) {
    if (error instanceof NaruError) return false;
    throw error;
  }
}
