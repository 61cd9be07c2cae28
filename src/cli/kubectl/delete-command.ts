import { CliError } from "../cli-error.ts";
import { bool, int, string, strings } from "../flag-types.ts";
import { cascade, propagationOf } from "./cascade.ts";
import { NOTHING_NAMED } from "./chosen-objects.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { deleteObjects, graceSeconds } from "./delete-objects.ts";
import { durationText } from "./duration-flag.ts";
import { namedObjects, type ObjectTarget } from "./resource-arguments.ts";
import { pathOf, printedName, type ServedType } from "./resource-types.ts";
import { dryRun } from "./write-flags.ts";

export const command = defineKubectlCommand({
  usage: "([-f FILENAME] | TYPE [(NAME | -l label | --all)]) [options]",
  summary: "Delete objects",
  flags: {
    all: bool("All objects of the types"),
    "all-namespaces": bool("Objects of all namespaces", { short: "A" }),
    cascade: cascade(),
    "dry-run": dryRun(),
    "field-selector": string("Only objects with these fields"),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    force: bool("With --grace-period=0: do not wait until the object has really ended"),
    "grace-period": int("Seconds that the object has to end; negative: its own", { initial: -1 }),
    "ignore-not-found": bool("Objects that are not there are no failure"),
    interactive: bool("Ask before", { short: "i" }),
    kustomize: string("A kustomization", { short: "k" }),
    now: bool("As --grace-period=1"),
    output: string("name: only the names", { short: "o" }),
    raw: string("A path of the API that is deleted"),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    selector: string("Only objects with these labels", { short: "l" }),
    timeout: durationText("How long to wait for the end (0: a week)", { initial: "0s" }),
    wait: bool("Wait until the objects are gone", { initial: true }),
  },
  async run({ flags, args, context, given }) {
    if (flags.output !== "" && flags.output !== "name") {
      throw new CliError(`error: unexpected -o output mode: ${flags.output}. We only support '-o name'`);
    }
    if (flags.force && flags["grace-period"] > 0)
      throw new CliError("error: --force and --grace-period greater than 0 cannot be specified together");
    if (flags.now && given("grace-period"))
      throw new CliError("error: --now and --grace-period cannot be specified together");
    propagationOf(flags.cascade);
    if (flags.raw !== "") return await deleteRaw(context, args, flags);
    const { objects, types } = await namedObjects(context, args, flags);
    const hasChoice = flags.all || flags.selector !== "" || flags["field-selector"] !== "";
    if (args.length + flags.filename.length === 0 && flags.kustomize === "") throw new CliError(NOTHING_NAMED);
    if (flags.all && (flags.selector !== "" || flags["field-selector"] !== ""))
      throw new CliError("error: setting 'all' parameter but found a non empty selector. ");
    if (types.length > 0 && !hasChoice)
      throw new CliError("error: resource(s) were provided, but no name was specified");
    const targets = [...objects];
    for (const { type } of types) targets.push(...(await selected(context, type, flags)));
    if (targets.length === 0) {
      context.print("No resources found\n");
      return;
    }
    if (flags.interactive && !(await confirmed(context, targets))) return;
    const seconds = flags.now ? 1 : flags.force && flags["grace-period"] < 0 ? 0 : graceSeconds(flags);
    await deleteObjects(context, targets, { ...flags, seconds, isForced: flags.force && seconds === 0 });
  },
});

/** The answer is printed as it is. */
async function deleteRaw(context: KubectlContext, args: readonly string[], flags: Flags): Promise<void> {
  if (args.length > 0 || flags.filename.length > 1) {
    throw new CliError("error: --raw can only use a single local file or stdin");
  }
  const { printRawAnswer } = await import("./raw-request.ts");
  await printRawAnswer(context, "DELETE", flags.raw, flags.filename[0]);
}

interface Flags {
  readonly [name: string]: unknown;
  readonly "all-namespaces": boolean;
  readonly cascade: string;
  readonly "dry-run": string;
  readonly "field-selector": string;
  readonly filename: readonly string[];
  readonly force: boolean;
  readonly "grace-period": number;
  readonly "ignore-not-found": boolean;
  readonly now: boolean;
  readonly output: string;
  readonly raw: string;
  readonly selector: string;
  readonly timeout: string;
  readonly wait: boolean;
}

async function selected(context: KubectlContext, type: ServedType, flags: Flags): Promise<ObjectTarget[]> {
  const api = await context.api();
  const place = flags["all-namespaces"] ? undefined : await context.namespace();
  const query = { labelSelector: flags.selector, fieldSelector: flags["field-selector"] };
  const found = await api.get<{ items?: { metadata: { name: string; namespace?: string } }[] }>(pathOf(type, place), {
    query,
  });
  return (found.items ?? []).map(({ metadata }) => ({
    type,
    namespace: type.namespaced ? metadata.namespace : undefined,
    name: metadata.name,
  }));
}

async function confirmed(context: KubectlContext, targets: readonly ObjectTarget[]): Promise<boolean> {
  const names = targets.map(({ type, name }) => `${printedName(type, name)}\n`).join("");
  const { readLine } = await import("../confirm.ts");
  context.print(`You are about to delete the following ${targets.length} resource(s):\n${names}`);
  context.print("Do you want to continue? (y/N): ");
  const isMeant = readLine()?.trim().toLowerCase() === "y";
  if (!isMeant) context.print("deletion is cancelled\n");
  return isMeant;
}
