import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { nodesNamed } from "./node-schedulable.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { dryRun, tellResult, validate, writeQuery } from "./write-flags.ts";

interface Taint {
  readonly key: string;
  readonly value?: string;
  /** Empty when all of the key are meant. */
  readonly effect: string;
}
const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export const command = defineKubectlCommand({
  usage: "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N [options]",
  summary: "Update the taints on one or more nodes",
  flags: {
    ...PRINT_FLAGS,
    all: bool("All nodes"),
    "dry-run": dryRun(),
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-taint" }),
    overwrite: bool("Change taints that are there already"),
    selector: string("Only nodes with these labels", { short: "l" }),
    validate: validate(),
  },
  async run({ flags, args, context }) {
    const first = args.findIndex(
      (word, at) => at > 0 && (word.includes("=") || word.includes(":") || word.endsWith("-")),
    );
    const specs = first < 0 ? [] : args.slice(first);
    const [type, ...names] = first < 0 ? args : args.slice(0, first);
    if (specs.length === 0) throw new CliError("error: at least one taint update is required");
    if (!/^(nodes?|no)$/.test(type ?? ""))
      throw new CliError(`error: invalid resource type ${type}, only node is supported`);
    const { add, remove } = parseTaints(specs);
    const api = await context.api();
    const nodeType = (await context.types()).ofKind("v1", "Node");
    const everyone = flags.all && names.length === 0 && flags.selector === "";
    const targets = everyone
      ? ((await api.get<{ items?: { metadata: { name: string } }[] }>(pathOf(nodeType, undefined))).items ?? []).map(
          ({ metadata }) => ({ type: nodeType, namespace: undefined, name: metadata.name }),
        )
      : await nodesNamed(context, names, flags.selector);
    for (const target of targets) {
      const node = await api.get<KubeManifestObject & { spec?: { taints?: Taint[] } }>(objectPath(target));
      const present = node.spec?.taints ?? [];
      const taints = changed(target.name, present, add, remove, flags.overwrite);
      const body = { metadata: { resourceVersion: node.metadata?.resourceVersion }, spec: { taints } };
      const result =
        flags["dry-run"] === "client"
          ? { ...node, spec: { ...node.spec, taints } }
          : await api.json<KubeManifestObject>("PATCH", objectPath(target), {
              body,
              contentType: "application/merge-patch+json",
              query: writeQuery(flags),
            });
      const isChange = add.some(({ key, effect }) => present.some((one) => one.key === key && one.effect === effect));
      const verb = isChange
        ? "modified"
        : remove.length === 0
          ? "tainted"
          : add.length === 0
            ? "untainted"
            : "modified";
      await tellResult(context, { ...flags, "dry-run": "none" }, target.type, result, verb);
    }
  },
});

/** "key=value:effect" and "key:effect" add; "key:effect-" and "key-" take away. */
function parseTaints(specs: readonly string[]): { add: Taint[]; remove: Taint[] } {
  const add: Taint[] = [];
  const remove: Taint[] = [];
  for (const spec of specs) {
    const isRemoval = spec.endsWith("-");
    const [pair = "", effect = "", ...more] = (isRemoval ? spec.slice(0, -1) : spec).split(":");
    const [key = "", value] = pair.split("=");
    if (key === "" || more.length > 0 || (!isRemoval && effect === "")) {
      throw new CliError(`error: invalid taint spec: ${spec}, expected key=value:effect, key:effect or key-`);
    }
    if (effect !== "" && !EFFECTS.includes(effect)) {
      throw new CliError(
        `error: invalid taint effect: ${effect}, unsupported taint effect\nSee 'kubectl taint -h' for help and examples`,
      );
    }
    if (isRemoval) remove.push({ key, effect });
    else add.push({ key, ...(value === undefined || value === "" ? {} : { value }), effect });
  }
  return { add, remove };
}

function changed(
  node: string,
  present: readonly Taint[],
  add: readonly Taint[],
  remove: readonly Taint[],
  overwrite: boolean,
): Taint[] {
  const isSame = (one: Taint, other: Taint) => one.key === other.key && one.effect === other.effect;
  const known = add.filter((one) => present.some((other) => isSame(one, other)));
  if (known.length > 0 && !overwrite) {
    const text = known.map(({ key }) => key).join(",");
    throw new CliError(`error: node ${node} already has ${text} taint(s) with same effect(s) and --overwrite is false`);
  }
  const isRemoved = (one: Taint) =>
    remove.some(({ key, effect }) => key === one.key && (effect === "" || effect === one.effect));
  for (const one of remove) {
    if (!present.some(({ key, effect }) => key === one.key && (one.effect === "" || one.effect === effect))) {
      throw new CliError(`error: taint "${one.key}${one.effect === "" ? "" : `:${one.effect}`}" not found`);
    }
  }
  return [...add, ...present.filter((one) => !isRemoved(one) && !add.some((other) => isSame(one, other)))];
}
