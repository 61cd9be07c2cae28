import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { sameJson } from "./apply-patch.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { KubeApiError } from "./kube-api.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import {
  missingRules,
  missingSubjects,
  type PolicyRule,
  ruleText,
  type Subject,
  subjectText,
} from "./rbac-coverage.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

const KINDS = ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];
/** An object with this annotation as "false" is left alone. */
const AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate";

export const command = defineKubectlCommand({
  usage: "-f FILENAME [options]",
  summary: "Make roles and bindings allow what files say",
  description:
    "Make roles and bindings allow at least what their files say. Missing objects and missing namespaces are created; other kinds in the\nfiles are passed over.",
  flags: {
    ...PRINT_FLAGS,
    "dry-run": dryRun(),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    "remove-extra-permissions": bool("Take away what roles allow beyond their files"),
    "remove-extra-subjects": bool("Take away subjects of bindings that their files do not name"),
  },
  async run({ flags, args, context }) {
    if (args.length > 0) throw new CliError("error: no arguments are allowed");
    if (flags.filename.length === 0 && flags.kustomize === "")
      throw new CliError("error: must specify one of -f and -k");
    const { objects } = await namedObjects(context, [], flags);
    for (const target of objects) {
      if (target.type.group !== "rbac.authorization.k8s.io" || !KINDS.includes(target.type.kind)) continue;
      const result = await reconcile(context, target, flags);
      for (const line of result.lines) context.printError(`\t${line}\n`);
      await tellResult(context, flags, target.type, result.object, "reconciled");
    }
  },
});

interface ReconcileFlags {
  readonly "dry-run": string;
  readonly "remove-extra-permissions": boolean;
  readonly "remove-extra-subjects": boolean;
}
interface RbacObject extends KubeManifestObject {
  rules?: PolicyRule[];
  subjects?: Subject[];
  roleRef?: unknown;
}
interface Reconciled {
  readonly object: RbacObject;
  /** What was done, for the user. */
  readonly lines: readonly string[];
}

async function reconcile(context: KubectlContext, target: ObjectTarget, flags: ReconcileFlags): Promise<Reconciled> {
  const api = await context.api();
  const wanted = target.manifest!.object as RbacObject;
  const query = writeQuery(flags);
  const isSent = flags["dry-run"] !== "client";
  const collection = pathOf(target.type, target.namespace);
  const create = async () =>
    isSent ? await api.json<RbacObject>("POST", collection, { body: wanted, query }) : wanted;
  const present = await api.get<RbacObject>(objectPath(target)).catch((error: unknown) => {
    if (error instanceof KubeApiError && error.code === 404) return undefined;
    throw error;
  });
  if (present === undefined) {
    if (target.namespace !== undefined && isSent) await ensureNamespace(context, target.namespace, query);
    const lines = ["reconciliation required create", ...addedLines(wanted.rules ?? [], wanted.subjects ?? [])];
    return { object: await create(), lines };
  }
  const annotations = (present.metadata?.annotations ?? {}) as Record<string, string>;
  if (annotations[AUTO_UPDATE] === "false") return { object: present, lines: ["reconciliation protected"] };
  if (wanted.roleRef !== undefined && !sameJson(wanted.roleRef, present.roleRef)) {
    // What a binding refers to can not be changed.
    if (flags["dry-run"] === "none") await api.send("DELETE", objectPath(target));
    const object = flags["dry-run"] === "none" ? await create() : wanted;
    return { object, lines: ["reconciliation required recreate"] };
  }
  const { object, lines } = merged(wanted, present, flags);
  if (sameJson(object, present)) return { object: present, lines: [] };
  const body = isSent ? await api.json<RbacObject>("PUT", objectPath(target), { body: object, query }) : object;
  return { object: body, lines: ["reconciliation required update", ...lines] };
}

function merged(wanted: RbacObject, present: RbacObject, flags: ReconcileFlags): Reconciled {
  const missing = missingRules(wanted.rules ?? [], present.rules ?? []);
  const extra = missingRules(present.rules ?? [], wanted.rules ?? []);
  const lacking = missingSubjects(wanted.subjects ?? [], present.subjects ?? []);
  const superfluous = missingSubjects(present.subjects ?? [], wanted.subjects ?? []);
  const removesRules = flags["remove-extra-permissions"] && extra.length > 0;
  const removesSubjects = flags["remove-extra-subjects"] && superfluous.length > 0;
  const rules = removesRules ? wanted.rules : [...(present.rules ?? []), ...missing];
  const subjects = removesSubjects ? wanted.subjects : [...(present.subjects ?? []), ...lacking];
  const isRole = wanted.kind.endsWith("Role");
  return {
    object: {
      ...present,
      ...(isRole ? { rules: rules ?? [] } : { subjects: subjects ?? [] }),
      ...(wanted.aggregationRule === undefined ? {} : { aggregationRule: wanted.aggregationRule }),
      metadata: withOwnMarks(wanted, present),
    },
    lines: [
      ...addedLines(missing, lacking),
      ...(removesRules ? ["extra rules removed:", ...extra.map((rule) => `\t${ruleText(rule)}`)] : []),
      ...(removesSubjects ? ["extra subjects removed:", ...superfluous.map((one) => `\t${subjectText(one)}`)] : []),
    ],
  };
}

/** Labels and annotations of the file are added to those that are there. */
function withOwnMarks({ metadata: own = {} }: RbacObject, { metadata = {} }: RbacObject) {
  const marks = (field: "labels" | "annotations") =>
    own[field] === undefined ? {} : { [field]: { ...(metadata[field] as object), ...(own[field] as object) } };
  return { ...metadata, ...marks("labels"), ...marks("annotations") };
}

const addedLines = (rules: readonly PolicyRule[], subjects: readonly Subject[]): string[] => [
  ...(rules.length === 0 ? [] : ["missing rules added:", ...rules.map((rule) => `\t${ruleText(rule)}`)]),
  ...(subjects.length === 0 ? [] : ["missing subjects added:", ...subjects.map((one) => `\t${subjectText(one)}`)]),
];

async function ensureNamespace(
  context: KubectlContext,
  name: string,
  query: Record<string, string | undefined>,
): Promise<void> {
  const body = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
  try {
    await (await context.api()).send("POST", "/api/v1/namespaces", { body, query });
  } catch (error) {
    if (!(error instanceof KubeApiError) || error.reason !== "AlreadyExists") throw error;
  }
}
