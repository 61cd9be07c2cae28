/** What `cordon` and `uncordon` have in common. */

import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import type { KubectlContext } from "./declaration.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, printedName } from "./resource-types.ts";
import { dryRun, writeQuery } from "./write-flags.ts";

export const NODE_FLAGS = { "dry-run": dryRun(), selector: string("Only nodes with these labels", { short: "l" }) };

/**
 * The nodes, each of which is there.
 * @param verb the command's name, for messages @throws CliError when no node is named, or one is not there
 */
export async function nodesNamed(
  context: KubectlContext,
  args: readonly string[],
  selector: string,
  verb: string,
): Promise<ObjectTarget[]> {
  const usage = (why: string) =>
    new CliError(`error: ${why}\nSee '${context.program} ${verb} -h' for help and examples`);
  if (args.length > 0 && selector !== "") throw usage("cannot specify both a node name and a --selector option");
  if (args.length === 0 && selector === "") throw usage(`USAGE: ${verb} NODE [flags]`);
  const api = await context.api();
  if (selector !== "") {
    const type = (await context.types()).ofKind("v1", "Node");
    const found = await api.get<{ items?: { metadata: { name: string } }[] }>(pathOf(type, undefined), {
      query: { labelSelector: selector },
    });
    return (found.items ?? []).map(({ metadata }) => ({ type, namespace: undefined, name: metadata.name }));
  }
  const { objects } = await namedObjects(context, args[0]!.includes("/") ? args : ["nodes", ...args]);
  for (const target of objects) await api.get(objectPath(target));
  return objects;
}

/** Lets new pods onto a node or keeps them off, and tells of it. */
export async function setSchedulable(
  context: KubectlContext,
  target: ObjectTarget,
  isWanted: boolean,
  flags: { readonly "dry-run": string },
): Promise<void> {
  const api = await context.api();
  const node = await api.get<{ spec?: { unschedulable?: boolean } }>(objectPath(target));
  const isSchedulable = node.spec?.unschedulable !== true;
  const verb = isWanted ? "uncordoned" : "cordoned";
  const dry = flags["dry-run"] === "none" ? "" : flags["dry-run"] === "client" ? " (dry run)" : " (server dry run)";
  const name = printedName(target.type, target.name);
  if (isSchedulable === isWanted) {
    context.print(`${name} already ${verb}${dry}\n`);
    return;
  }
  if (flags["dry-run"] !== "client") {
    await api.json("PATCH", objectPath(target), {
      body: { spec: { unschedulable: isWanted ? null : true } },
      contentType: "application/strategic-merge-patch+json",
      query: writeQuery({ ...flags, "field-manager": "kubectl-cordon" }),
    });
  }
  context.print(`${name} ${verb}${dry}\n`);
}
