import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { policyCells, policyRows } from "./describe/roles.ts";
import { VERBS } from "./policy-rules.ts";
import type { ServedType } from "./resource-types.ts";
import { TableText } from "./table-text.ts";

const ROOT = "/apis/authorization.k8s.io/v1";

export const command = defineKubectlCommand({
  usage: "VERB [TYPE | TYPE/NAME | NONRESOURCEURL] [options]",
  summary: "Check what you may do",
  flags: {
    "all-namespaces": bool("In all namespaces", { short: "A" }),
    list: bool("Print all that is allowed"),
    "no-headers": bool("Tables without titles"),
    quiet: bool("Say nothing: only the exit code answers", { short: "q" }),
    subresource: string("A part of the objects, such as pod/log"),
  },
  async run({ flags, args, context }) {
    if (flags.list) {
      if (flags.quiet || flags["all-namespaces"] || flags.subresource !== "") {
        throw new CliError(
          "error: list option can't be specified with neither quiet, all-namespaces nor subresource options",
        );
      }
      await listAll(context, flags["no-headers"]);
      return 0;
    }
    const [verb, what, name] = args;
    if (verb === undefined || what === undefined || args.length > 3) {
      throw new CliError(
        `error: you must specify two arguments: verb resource or verb resource/resourceName.\nSee '${context.program} auth can-i -h' for help and examples.`,
      );
    }
    if (!VERBS.has(verb)) context.printError(`Warning: verb '${verb}' is not a known verb\n\n`);
    const place = flags["all-namespaces"] ? undefined : await context.namespace();
    const spec = what.startsWith("/")
      ? { nonResourceAttributes: { path: what, verb } }
      : { resourceAttributes: await attributes(context, verb, what, name, flags.subresource, place) };
    const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec };
    type Review = { status?: { allowed?: boolean; reason?: string; evaluationError?: string } };
    const { status = {} } = await (await context.api()).json<Review>("POST", `${ROOT}/selfsubjectaccessreviews`, {
      body,
    });
    if (!flags.quiet) {
      const reason = status.reason ? ` - ${status.reason}` : "";
      const failed = status.evaluationError ? ` - ${status.evaluationError}` : "";
      // A reason for what is allowed says nothing that the user could act on.
      context.print(status.allowed ? "yes\n" : `no${reason}${failed}\n`);
    }
    return status.allowed ? 0 : 1;
  },
});

async function attributes(
  context: KubectlContext,
  verb: string,
  what: string,
  given: string | undefined,
  subresource: string,
  place: string | undefined,
) {
  const [typed = "", named] = what.split("/");
  const type = typed === "*" ? undefined : await servedType(context, typed);
  if (type?.namespaced === false && context.namespaceGiven) {
    context.printError(
      `Warning: resource '${type.resource}' is not namespace scoped${type.group === "" ? "" : ` in group '${type.group}'`}\n\n`,
    );
  }
  return {
    ...(type?.namespaced === false || place === undefined ? {} : { namespace: place }),
    verb,
    group: type?.group ?? "",
    resource: type?.resource ?? typed,
    ...(subresource === "" ? {} : { subresource }),
    ...((named ?? given) ? { name: named ?? given } : {}),
  };
}

/** What rules speak of though no server serves it. */
const NEVER_SERVED = new Set(["users", "groups"]);

/** Undefined, and told on stderr, for a type that the server does not know: the answer tells whether that is allowed all the same. */
async function servedType(context: KubectlContext, typed: string): Promise<ServedType | undefined> {
  const found = (await context.types()).lookUp(typed);
  if (found !== undefined || NEVER_SERVED.has(typed)) return found;
  const [resource, ...group] = typed.split(".");
  const of = group.length === 0 ? "" : ` in group '${group.join(".")}'`;
  context.printError(`Warning: the server doesn't have a resource type '${resource}'${of}\n\n`);
  return undefined;
}

interface Rules {
  status?: {
    resourceRules?: { apiGroups?: string[]; resources?: string[]; resourceNames?: string[]; verbs: string[] }[];
    nonResourceRules?: { nonResourceURLs?: string[]; verbs: string[] }[];
  };
}

async function listAll(context: KubectlContext, withoutTitles: boolean): Promise<void> {
  const body = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    spec: { namespace: await context.namespace() },
  };
  const { status } = await (await context.api()).json<Rules>("POST", `${ROOT}/selfsubjectrulesreviews`, { body });
  const table = new TableText(
    withoutTitles ? undefined : ["Resources", "Non-Resource URLs", "Resource Names", "Verbs"],
  );
  const rules = [...(status?.resourceRules ?? []), ...(status?.nonResourceRules ?? [])];
  for (const row of policyRows(rules)) table.add(policyCells(row));
  context.print(table.print());
}
