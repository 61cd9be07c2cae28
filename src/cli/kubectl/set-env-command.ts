import { CliError } from "../cli-error.ts";
import { bool, list, string, strings } from "../flag-types.ts";
import { NOTHING_NAMED } from "./chosen-objects.ts";
import type { KubectlContext } from "./declaration.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { EnvironmentValues, environmentText } from "./environment-values.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import {
  changeObjects,
  choiceComplaints,
  containersNamed,
  type EnvironmentVariable,
  ofPodSpec,
  SET_FLAGS,
  type SetFlags,
  type SpecContainer,
  throwComplaints,
} from "./pod-spec-change.ts";
import { namedObjects, objectPath } from "./resource-arguments.ts";

export const command = defineKubectlCommand({
  usage: "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N [options]",
  summary: "Change environment variables of pods",
  flags: {
    ...SET_FLAGS,
    containers: string("Containers that are meant; * stands for any letters", { short: "c", initial: "*" }),
    env: list("Variables, as NAME=value", { short: "e", type: "stringArray" }),
    from: string("A config map or a secret whose keys become variables, such as configmap/settings"),
    keys: strings("Only these keys of --from"),
    list: bool("Print the variables"),
    overwrite: bool("Change variables that are there already", { initial: true }),
    prefix: string("Stands before each name of --from"),
    resolve: bool("With --list: print what config maps, secrets and fields say"),
  },
  async run({ flags, args, context }) {
    const { words, specs } = split(args);
    const { keys } = flags;
    const complaints = choiceComplaints(flags, words);
    if (keys.length > 0 && flags.from === "")
      complaints.push("when specifying --keys, a configmap or secret must be provided with --from");
    throwComplaints(complaints);
    if (flags.local && flags.filename.length === 0 && !flags.kustomize) throw new CliError(NOTHING_NAMED);
    const { set, removed } = await parseEnvironment([...flags.env, ...specs]);
    if (flags.from !== "") {
      const found = await variablesOf(context, flags, keys);
      set.push(...found.map((one) => ({ ...one, name: flags.prefix + one.name })));
    }
    const change = { set, removed };
    await changeObjects(context, words, flags, {
      change: ofPodSpec(async (spec, { target, object }) => {
        const containers = containersNamed(spec, flags.containers);
        if (containers.length === 0) {
          const whose = `${object.kind}/${target.name}`;
          context.printError(`Warning: ${whose} does not have any containers matching "${flags.containers}"\n`);
        }
        for (const container of containers) changeEnvironment(container, change, flags.overwrite);
        if (!flags.list) return [];
        await listEnvironment(context, object, containers, flags.resolve, target.namespace);
        return [];
      }),
      isRead: flags.list,
      verb: "env updated",
      what: "env update to pod template:",
    });
  },
});

interface Wishes {
  readonly set: readonly EnvironmentVariable[];
  readonly removed: readonly string[];
}

function split(args: readonly string[]): { words: string[]; specs: string[] } {
  const isSpec = (word: string) => word.includes("=") || word.endsWith("-");
  const first = args.findIndex(isSpec);
  if (first < 0) return { words: [...args], specs: [] };
  if (!args.slice(first).every(isSpec)) {
    throw new CliError(`error: all resources must be specified before environment changes: ${args.join(" ")}`);
  }
  return { words: args.slice(0, first), specs: args.slice(first) };
}

const NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/** "A=b" sets, "A-" takes away, "-" stands for such lines on standard input. @throws CliError */
async function parseEnvironment(specs: readonly string[]): Promise<{ set: EnvironmentVariable[]; removed: string[] }> {
  const set: EnvironmentVariable[] = [];
  const removed: string[] = [];
  const add = (text: string) => {
    const equals = text.indexOf("=");
    const name = text.slice(0, equals);
    if (!NAME.test(name))
      throw new CliError(
        `error: ${JSON.stringify(name)} is not a valid key name: a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name', or 'MY_ENV.NAME', or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')`,
      );
    set.push({ name, value: text.slice(equals + 1) });
  };
  for (const spec of specs) {
    if (spec === "-") {
      for (const line of (await Bun.stdin.text()).split("\n")) {
        const text = line.trimEnd();
        if (text !== "" && !text.startsWith("#") && text.includes("=")) add(text);
      }
    } else if (spec.includes("=")) add(spec);
    else if (spec.endsWith("-")) removed.push(spec.slice(0, -1));
    else throw new CliError(`error: unknown environment variable spec ${spec}`);
  }
  if (set.some(({ name }) => removed.includes(name))) {
    throw new CliError("error: can not both modify and remove the same environment variable in the same command");
  }
  return { set, removed };
}

/** Keys of a config map or a secret, each as a variable that refers to it. */
async function variablesOf(
  context: KubectlContext,
  flags: SetFlags & { from: string },
  keys: readonly string[],
): Promise<EnvironmentVariable[]> {
  if (flags.local) throw new CliError("error: --from asks the server, which --local does not");
  const { objects } = await namedObjects(context, [flags.from]);
  const found: EnvironmentVariable[] = [];
  for (const target of objects) {
    const { kind, data = {} } = await (await context.api()).get<KubeManifestObject>(objectPath(target));
    if (kind !== "ConfigMap" && kind !== "Secret")
      throw new CliError("error: unsupported resource specified in --from");
    const reference = kind === "Secret" ? "secretKeyRef" : "configMapKeyRef";
    for (const key of Object.keys(data as object).sort()) {
      if (keys.length > 0 && !keys.includes(key)) continue;
      const name = key.replaceAll(/[^a-zA-Z0-9_]/g, "_").toUpperCase();
      if (name !== key) context.printError(`Warning: key ${key} transferred to ${name}\n`);
      found.push({ name, valueFrom: { [reference]: { key, name: target.name } } });
    }
  }
  return found;
}

function changeEnvironment(container: SpecContainer, { set, removed }: Wishes, overwrite: boolean): void {
  const before = container.env ?? [];
  if (!overwrite) {
    for (const { name } of set) {
      const known = before.find((one) => one.name === name);
      if (known !== undefined)
        throw new CliError(`'${name}' already has a value (${known.value ?? ""}), and --overwrite is false`);
    }
  }
  const env = before
    .map((known) => set.findLast(({ name }) => name === known.name) ?? known)
    .filter(({ name }) => !removed.includes(name));
  for (const one of set) if (!env.some(({ name }) => name === one.name)) env.push(one);
  if (env.length > 0) container.env = env;
  else delete container.env;
}

async function listEnvironment(
  context: KubectlContext,
  object: KubeManifestObject,
  containers: readonly SpecContainer[],
  resolve: boolean,
  namespace: string | undefined,
): Promise<void> {
  const values = new EnvironmentValues(context, namespace ?? (await context.namespace()), object);
  for (const container of containers) {
    context.print(`# ${object.kind} ${object.metadata?.name}, container ${container.name}\n`);
    const failures = new Map<string, string[]>();
    for (const variable of container.env ?? []) {
      const { text, failure } = resolve
        ? await values.resolved(variable, container)
        : { text: environmentText(variable), failure: undefined };
      context.print(`${text}\n`);
      if (failure !== undefined) failures.set(failure, [...(failures.get(failure) ?? []), variable.name]);
    }
    // Told, but no failure of the list: what can be had is there.
    for (const [failure, names] of failures)
      context.printError(`error retrieving reference for ${names.sort().join(", ")}: ${failure}\n`);
  }
}
