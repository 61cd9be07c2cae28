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
  summary: "Change taints of nodes",
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
    const first = args.findIndex((word) => word.includes("=") || word.endsWith("-") || /.:/.test(word));
    const specs = first < 0 ? [] : args.slice(first);
    const [type, ...names] = first < 0 ? args : args.slice(0, first);
    const usage = (why: string) =>
      new CliError(`error: ${why}\nSee '${context.program} taint -h' for help and examples`);
    if (type === undefined) throw new CliError("error: one or more resources must be specified as <resource> <name>");
    if (type.includes("/")) throw new CliError(`the server doesn't have a resource type "${type}"`);
    if (specs.length === 0) throw new CliError("error: at least one taint update is required");
    if ((await context.types()).find(type).kind !== "Node")
      throw new CliError(`error: invalid resource type ${type}, only node types are supported`);
    const { add, remove } = parseTaints(specs, usage);
    const api = await context.api();
    const nodeType = (await context.types()).ofKind("v1", "Node");
    const everyone = flags.all && names.length === 0 && flags.selector === "";
    const targets = everyone
      ? ((await api.get<{ items?: { metadata: { name: string } }[] }>(pathOf(nodeType, undefined))).items ?? []).map(
          ({ metadata }) => ({ type: nodeType, namespace: undefined, name: metadata.name }),
        )
      : await nodesNamed(context, names, flags.selector, "taint");
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

type Refuse = (why: string) => CliError;

/** "key=value:effect" and "key:effect" add; "key:effect-" and "key-" take away. */
function parseTaints(specs: readonly string[], refuse: Refuse): { add: Taint[]; remove: Taint[] } {
  const add: Taint[] = [];
  const remove: Taint[] = [];
  for (const spec of specs) {
    const isRemoval = spec.endsWith("-");
    const taint = parseTaint(isRemoval ? spec.slice(0, -1) : spec, spec, refuse);
    if (isRemoval) remove.push({ key: taint.key, effect: taint.effect });
    else if (taint.effect === "") throw refuse(`invalid taint spec: ${spec}`);
    else if (add.some(({ key, effect }) => key === taint.key && effect === taint.effect)) {
      const shown = `{${taint.key} ${taint.value ?? ""} ${taint.effect} <nil>}`;
      throw refuse(`duplicated taints with the same key and effect: ${shown}`);
    } else add.push(taint);
  }
  const both = remove.filter(({ key, effect }) =>
    add.some((one) => one.key === key && (effect === "" || one.effect === effect)),
  );
  if (both.length > 0) {
    const names = both.map(({ key, effect }) => `${key}=${effect}`).join(",");
    throw new CliError(`error: can not both modify and remove the following taint(s) in the same command: ${names}`);
  }
  return { add, remove };
}

const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

function parseTaint(text: string, spec: string, refuse: Refuse): Taint {
  const invalid = (why = "") => refuse(`invalid taint spec: ${spec}${why === "" ? "" : `, ${why}`}`);
  const [pair = "", effect = "", ...more] = text.split(":");
  if (more.length > 0) throw invalid();
  // Without an effect the whole text is the key.
  const [key = "", value, ...rest] = effect === "" ? [text] : pair.split("=");
  if (rest.length > 0) throw invalid();
  const parts = key.split("/");
  if (parts.length > 2) {
    const what = "a valid label key";
    throw invalid(`${what} ${NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`);
  }
  if (key === "") throw invalid(`name part must be non-empty; name part ${NAME_RULE}`);
  if (!NAME.test(parts.at(-1)!)) throw invalid(`name part ${NAME_RULE}`);
  if (value !== undefined && value !== "" && !NAME.test(value)) {
    throw invalid(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    );
  }
  if (effect !== "" && !EFFECTS.includes(effect))
    throw refuse(`invalid taint effect: ${effect}, unsupported taint effect`);
  return { key, ...(value ? { value } : {}), effect };
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
