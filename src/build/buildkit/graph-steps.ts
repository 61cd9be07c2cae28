/** Build graphs that clients make themselves (BuildKit's LLB), as steps of the solver's. */
import { digestOf } from "../../lib/digest.ts";
import { NaruError } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import type { Platform } from "../../model/image.ts";
import { checkSandbox } from "../entitlements.ts";
import type { FileAction, FileOperation, Operation, Step } from "../solver/graph.ts";
import { execOperation } from "./graph-exec.ts";
import { fileAction } from "./graph-file-actions.ts";
import { graphOperation, type WireOperation } from "./graph-messages.ts";
import { type SourceParts, sourceOf } from "./graph-sources.ts";
import type { WireDefinition } from "./messages.ts";

interface GraphParts extends SourceParts {
  /** What its processes may have beyond a sandbox. */
  entitlements: readonly string[];
}

/** What a graph means by its last operation; undefined: an empty root. @throws {NaruError} not-implemented, invalid, forbidden */
export async function stepOfGraph(definition: WireDefinition, parts: GraphParts): Promise<Step | undefined> {
  return await new GraphReader(definition, parts).result();
}

class GraphReader {
  private readonly operations: Map<string, WireOperation>;
  private readonly last: WireOperation | undefined;
  private readonly made = new Map<string, Promise<Step | undefined>>();

  constructor(
    private readonly definition: WireDefinition,
    private readonly parts: GraphParts,
  ) {
    const decoded = definition.def.map((bytes) => [digestOf(bytes), decodedOperation(bytes)] as const);
    this.operations = new Map(decoded);
    this.last = decoded.at(-1)?.[1];
  }

  async result(): Promise<Step | undefined> {
    const [input] = this.last?.inputs ?? [];
    if (!input) throw new NaruError("invalid", "the build graph has no result");
    return await this.stepOf(input);
  }

  private stepOf({ digest, index }: { digest: string; index: number }): Promise<Step | undefined> {
    const key = `${digest} ${index}`;
    const known = this.made.get(key);
    if (known) return known;
    const work = this.make(digest, index);
    work.catch(() => {});
    this.made.set(key, work);
    return work;
  }

  private async make(digest: string, index: number): Promise<Step | undefined> {
    // A graph may be deeper than the stack.
    await Promise.resolve();
    const operation = this.operations.get(digest);
    if (!operation) throw new NaruError("invalid", `the build graph lacks its operation ${digest}`);
    const inputs = await Promise.all(operation.inputs.map((input) => this.stepOf(input)));
    const inputOf = (at: number): Step | undefined => {
      if (at < 0) return undefined;
      if (at >= inputs.length) throw new NaruError("invalid", `an operation of the build graph has no input ${at}`);
      return inputs[at];
    };
    const { ignore_cache: ignoresCache, description } = this.definition.metadata?.[digest] ?? {};
    const common = { ...(ignoresCache ? { ignoresCache } : {}) };
    const named = (kind: Operation, name: string): Step => ({
      operation: kind,
      show: { name: description?.["llb.customname"] || name },
      ...common,
    });
    const { source, exec, file, merge, diff } = operation;
    if (source) return await sourceOf(source, platformOf(operation), this.parts, named);
    if (exec) {
      const process = execOperation(exec, index, inputOf);
      checkSandbox(process, this.parts.entitlements);
      return named(process, process.args.join(" "));
    }
    if (file) return fileStep(file.actions, index, inputs, named);
    if (merge) return named({ type: "merge", roots: merge.inputs.map(({ input }) => inputOf(input)) }, "merge");
    if (diff) {
      const [lower, upper] = [inputOf(diff.lower?.input ?? -1), inputOf(diff.upper?.input ?? -1)];
      return named({ type: "diff", lower, upper }, "diff");
    }
    throw new NaruError(
      "not-implemented",
      "an operation of the build graph is of a kind that naru does not have (build)",
    );
  }
}

function decodedOperation(bytes: Uint8Array): WireOperation {
  try {
    return graphOperation.decode(bytes);
  } catch (cause) {
    throw new NaruError("invalid", "the build graph has an operation that cannot be read", { cause });
  }
}

function platformOf({ platform }: WireOperation): Platform {
  const { OS, Architecture, Variant } = platform ?? { OS: "", Architecture: "", Variant: "" };
  return {
    os: OS || "linux",
    architecture: Architecture || machineArchitecture(),
    ...(Variant ? { variant: Variant } : {}),
  };
}

type Named = (operation: Operation, name: string) => Step;

/**
 * Actions read inputs of the operation, or results of the actions before them, which are counted behind the inputs. A chain of
 * actions is one layer.
 */
function fileStep(
  actions: Parameters<typeof fileAction>[0][],
  output: number,
  inputs: readonly (Step | undefined)[],
  named: Named,
): Step {
  const states: { root: Step | undefined; actions: FileAction[]; step?: Step }[] = [];
  let found: Step | undefined;
  const title = (last: FileAction[]) => last.map(({ action }) => action).join(", ");
  const stepAt = (at: number): Step | undefined => {
    if (at < 0) return undefined;
    if (at < inputs.length) return inputs[at];
    const state = states[at - inputs.length];
    if (!state) throw new NaruError("invalid", `an action of the build graph has no input ${at}`);
    state.step ??= named(fileOperation(state), title(state.actions));
    return state.step;
  };
  for (const action of actions) {
    const before = states[action.input - inputs.length];
    const made = fileAction(action, stepAt(action.secondaryInput));
    states.push(
      before
        ? { root: before.root, actions: [...before.actions, made] }
        : { root: stepAt(action.input), actions: [made] },
    );
    if (action.output === output) found = stepAt(inputs.length + states.length - 1);
  }
  if (!found) throw new NaruError("invalid", `an operation of the build graph has no output ${output}`);
  return found;
}

function fileOperation({ root, actions }: { root: Step | undefined; actions: FileAction[] }): FileOperation {
  return { type: "file", root, actions };
}
