/** A stage while its graph is made: who it stands on, and what its instructions made of it so far. */
import type { ContainerConfig } from "../../model/container.ts";
import type { HistoryEntry, Platform } from "../../model/image.ts";
import type { SourceRange } from "../contract.ts";
import type { Instruction, Stage } from "../dockerfile/ast.ts";
import type { PlannedHistory, PlannedTarget, ResolvedImage, Step } from "../solver/graph.ts";
import type { NamedContext } from "./named-contexts.ts";

/** An instruction with the stages that it copies from or mounts: one for COPY --from, one for each mount of RUN. */
export interface Command {
  instruction: Instruction;
  sources: readonly (StageNode | undefined)[];
  /** From an image's or stage's ONBUILD. */
  isTrigger: boolean;
  /** Number of the instruction in its stage, for the step's slot. */
  index: string;
}

export type ImageFacts = PlannedTarget["image"];

/** Where an argument came from, for the outline. */
export interface ArgFact {
  name: string;
  value: string;
  description: string;
  range: SourceRange;
  uses: Set<string>;
}
export interface RequestedFact {
  required: boolean;
  range: SourceRange;
}

export class StageNode {
  /** "builder", "stage-1"; empty when the Dockerfile has only one. */
  name: string;
  /** The base's name with variables' values. */
  baseName: string;
  base?: StageNode;
  platform?: Platform;
  namedContext?: NamedContext;
  commands: Command[] = [];
  readonly dependencies = new Map<StageNode, SourceRange>();
  /** An image or context that COPY --from or a mount names, without a stage of its own. */
  isOutside = false;

  isResolved = false;
  isDispatched = false;
  hasTriggers = false;
  isInTrigger = false;
  stepTotal = 0;
  stepIndex = 0;
  ignoresCache = false;

  /** The file tree so far. */
  root: Step | undefined;
  /** What later words and processes see: the image's environment, ENV and ARG. */
  env = new Map<string, string>();
  image: ImageFacts = { architecture: "", os: "", config: {} };
  baseImage?: ResolvedImage;
  baseHistory: readonly HistoryEntry[] = [];
  history: PlannedHistory[] = [];
  /** ARGs in order of declaration; undefined values have none. */
  declaredArgs: { name: string; value: string | undefined }[] = [];
  hasOwnWorkdir = false;
  /** Ranges of the instruction of which only the last counts. */
  readonly lastOf = new Map<"CMD" | "ENTRYPOINT" | "HEALTHCHECK", SourceRange>();

  readonly args = new Map<string, ArgFact>();
  readonly usedArgs = new Set<string>();
  readonly secrets = new Map<string, RequestedFact>();
  readonly agents = new Map<string, RequestedFact>();
  /** Paths that others read from this one, when it is a context. */
  paths = new Set<string>();

  constructor(readonly stage: Stage) {
    this.name = stage.name;
    this.baseName = stage.base;
  }

  get config(): ContainerConfig {
    return this.image.config;
  }

  /** Takes over what the base stage became. */
  inherit(): void {
    const { base } = this;
    if (!base) return;
    this.root = base.root;
    this.env = new Map(base.env);
    this.platform = base.platform;
    this.takeResult(base);
    this.image.config.OnBuild = null;
    this.declaredArgs = [...base.declaredArgs];
    this.hasOwnWorkdir = base.hasOwnWorkdir;
    this.paths = base.paths;
  }

  /** What of another stage is in its image, beside the files. */
  takeResult({ image, baseImage, baseHistory, history }: StageNode): void {
    this.image = structuredClone(image);
    if (baseImage) this.baseImage = baseImage;
    this.baseHistory = baseHistory;
    this.history = [...history];
  }
}

/** The instruction's place in the Dockerfile, for comparing with earlier builds of it. */
export function slotOf({ name }: StageNode, { index }: Command): string {
  return `${name}/${index}`;
}

/** An image or context that is no stage of the Dockerfile, as one. */
export function outsideNode(name: string, range: SourceRange): StageNode {
  const node = new StageNode({
    ...{ name: "", writtenName: "", asKeyword: "", fromKeyword: "FROM", base: name, platform: "", description: "" },
    ...{ comments: [], text: `FROM ${name}`, range, instructions: [] },
  });
  node.isOutside = true;
  return node;
}

/** A stage with all that it stands on. */
export function reachableFrom(start: StageNode): Set<StageNode> {
  const reached = new Set<StageNode>();
  const waiting = [start];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    if (node.base) waiting.push(node.base);
    waiting.push(...node.dependencies.keys());
  }
  return reached;
}
