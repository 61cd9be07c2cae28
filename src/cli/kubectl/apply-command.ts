import { CliError } from "../cli-error.ts";
import { bool, int, list, string } from "../flag-types.ts";
import { applyPatch, isMergedByKeys } from "./apply-patch.ts";
import { cascade, propagationOf } from "./cascade.ts";
import { untilServed } from "./coming-types.ts";
import { withLastApplied } from "./create-object.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { KubeApiError } from "./kube-api.ts";
import { labelMatcher } from "./label-match.ts";
import { LAST_APPLIED } from "./last-applied.ts";
import { type KubeManifestObject, listOf } from "./manifest-files.ts";
import { objectPrinter, PRINT_FLAGS, type PrintFlags } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, type ServedType } from "./resource-types.ts";
import { dryRun, tellResult, validate, writeQuery } from "./write-flags.ts";

const CLIENT_SIDE = "kubectl-client-side-apply";
const ATTEMPTS = 5;

export const command = defineKubectlCommand({
  usage: "-f FILENAME [options]",
  summary: "Apply a configuration to a resource by file name or stdin",
  description:
    "Make objects as their files say: those that are missing are created, the others changed where they differ. What was taken out of a\nfile since it was last applied is taken away.",
  flags: {
    ...PRINT_FLAGS,
    all: bool("With --prune: whatever labels objects have"),
    cascade: cascade(),
    "dry-run": dryRun(),
    "field-manager": string("Who owns the fields that are set", { initial: CLIENT_SIDE }),
    filename: list("Files, folders or addresses of objects", { short: "f", type: "strings" }),
    force: bool("Delete and create anew what cannot be changed"),
    "force-conflicts": bool("With --server-side: take over fields that others own"),
    "grace-period": int("With --force: seconds that the old object has to end", { initial: -1 }),
    kustomize: string("A kustomization", { short: "k" }),
    "openapi-patch": bool("The server's schemas tell how lists are merged; they always do", {
      initial: true,
      hidden: true,
    }),
    overwrite: bool("Changes that others made to the same fields are undone", { initial: true }),
    prune: bool("Delete what was applied once and is in the files no more; wants --all or -l"),
    "prune-allowlist": list("The types that --prune looks at, as GROUP/VERSION/KIND", { type: "stringArray" }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    selector: string("Only objects with these labels", { short: "l" }),
    "server-side": bool("The server merges, and knows who owns which field"),
    subresource: string("With --server-side: a part of the objects: status, scale"),
    timeout: string("With --wait: how long to wait for the end of what is deleted (0: as long as it takes)", {
      initial: "0s",
    }),
    validate: validate(),
    wait: bool("Wait until what is deleted is gone"),
  },
  async run({ flags, args, context, given }) {
    if (flags.filename.length === 0 && flags.kustomize === "")
      throw new CliError("error: must specify one of -f and -k");
    if (args.length > 0) throw new CliError(`error: Unexpected args: [${args.join(" ")}]`);
    if (flags["force-conflicts"] && !flags["server-side"]) {
      throw new CliError("error: --force-conflicts only works with --server-side");
    }
    if (flags["server-side"] && flags["dry-run"] === "client") {
      throw new CliError(
        "error: --dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)",
      );
    }
    if (flags.subresource !== "" && !flags["server-side"])
      throw new CliError("error: --subresource can only be specified for --server-side");
    if (flags.all && flags.selector !== "")
      throw new CliError("error: cannot set --all and --selector at the same time");
    if (flags.prune && !flags.all && flags.selector === "") {
      throw new CliError(
        "error: all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag. If you did not mean to prune all resources, specify a label selector",
      );
    }
    const manager = flags["server-side"] && !given("field-manager") ? "kubectl" : flags["field-manager"];
    const { objects } = await namedObjects(context, [], flags);
    const matches = labelMatcher(flags.selector);
    const wanted = objects.filter(({ manifest }) => matches(manifest!.object));
    if (wanted.length === 0) throw new CliError("error: no objects passed to apply");
    await applyAll(context, { ...flags, "field-manager": manager }, wanted);
    if (flags.prune) {
      const { pruneObjects } = await import("./prune-objects.ts");
      await pruneObjects(context, flags, wanted);
    }
  },
});

/** What fails does not keep the others from being applied. Objects that are printed whole make one list. */
async function applyAll(context: KubectlContext, flags: ApplyFlags, targets: readonly ObjectTarget[]): Promise<void> {
  const isListed = targets.length > 1 && !["", "name"].includes(flags.output);
  const applied: KubeManifestObject[] = [];
  const failures: string[] = [];
  const tell: Tell = async (type, object, verb) => {
    if (isListed) applied.push(object);
    else await tellResult(context, flags, type, object, verb);
  };
  for (const target of targets) {
    try {
      await applyOne(context, flags, target, tell);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      failures.push(error.message);
    }
  }
  const printer = isListed ? await objectPrinter(flags) : undefined;
  if (printer !== undefined) context.print(printer(listOf(applied)));
  if (failures.length > 0) throw new CliError(failures.join("\n"));
}

type Tell = (type: ServedType, object: KubeManifestObject, verb: string) => Promise<void>;

interface ApplyFlags extends PrintFlags {
  readonly cascade: string;
  readonly "dry-run": string;
  readonly "field-manager": string;
  readonly "force-conflicts": boolean;
  readonly force: boolean;
  readonly "grace-period": number;
  readonly "server-side": boolean;
  readonly subresource: string;
  readonly validate: string;
}

async function applyOne(context: KubectlContext, flags: ApplyFlags, target: ObjectTarget, tell: Tell): Promise<void> {
  const { type, name, manifest } = target;
  const { object, source } = manifest!;
  if (name === "") {
    throw new CliError(
      object.metadata?.generateName
        ? `error: from ${object.metadata.generateName}: cannot use generate name with apply`
        : `error: error when retrieving current configuration of "${source}": resource name may not be empty`,
    );
  }
  if (flags["dry-run"] === "none") await untilServed(await context.api(), type);
  if (flags["server-side"]) {
    const applied = await applyOnServer(context, flags, target, object);
    await tell(type, applied, "serverside-applied");
    return;
  }
  const live = await current(context, target);
  if (live === undefined) await createFresh(context, flags, target, tell);
  else await changeLive(context, flags, target, live, tell);
}

async function current(context: KubectlContext, target: ObjectTarget): Promise<KubeManifestObject | undefined> {
  try {
    return await (await context.api()).get<KubeManifestObject>(objectPath(target));
  } catch (error) {
    if (error instanceof KubeApiError && error.code === 404) return undefined;
    throw error;
  }
}

async function applyOnServer(
  context: KubectlContext,
  flags: ApplyFlags,
  target: ObjectTarget,
  object: KubeManifestObject,
): Promise<KubeManifestObject> {
  const api = await context.api();
  try {
    return await api.json<KubeManifestObject>("PATCH", objectPath(target, flags.subresource || undefined), {
      body: object,
      contentType: "application/apply-patch+yaml",
      query: { ...writeQuery(flags), force: flags["force-conflicts"] ? "true" : undefined },
    });
  } catch (error) {
    if (!(error instanceof KubeApiError) || error.reason !== "Conflict") throw error;
    throw new CliError(
      `error: ${error.status.message}\nPlease review the fields above--they currently have other managers. Here\nare the ways you can resolve this warning:\n* If you intend to manage all of these fields, please re-run the apply\n  command with the \`--force-conflicts\` flag.\n* If you do not intend to manage all of the fields, please edit your\n  manifest to remove references to the fields that should keep their\n  current managers.\n* You may co-own fields by updating your manifest to match the existing\n  value; in this case, you'll become the manager if the other manager(s)\n  stop managing the field (remove it from their configuration).`,
    );
  }
}

async function createFresh(
  context: KubectlContext,
  flags: ApplyFlags,
  { type, namespace, manifest }: ObjectTarget,
  tell: Tell,
): Promise<void> {
  const { object, source } = manifest!;
  const wanted = withLastApplied(object);
  if (flags["dry-run"] === "client") return await tell(type, wanted, "created");
  const api = await context.api();
  try {
    const options = { body: wanted, query: writeQuery(flags) };
    const made = await api.json<KubeManifestObject>("POST", pathOf(type, namespace), options);
    await tell(type, made, "created");
  } catch (error) {
    throw error instanceof KubeApiError && error.reason !== "Invalid"
      ? error.during(`error when creating ${JSON.stringify(source)}`)
      : error;
  }
}

async function changeLive(
  context: KubectlContext,
  flags: ApplyFlags,
  target: ObjectTarget,
  found: KubeManifestObject,
  tell: Tell,
): Promise<void> {
  const api = await context.api();
  const wanted = withLastApplied(target.manifest!.object);
  const isCustom = !isMergedByKeys(target.type);
  let live = found;
  for (let attempt = 1; ; attempt++) {
    const annotations = (live.metadata?.annotations ?? {}) as Record<string, string>;
    const lastText = annotations[LAST_APPLIED];
    if (lastText === undefined) {
      context.printError(
        `Warning: resource ${target.type.resource}/${target.name} is missing the ${LAST_APPLIED} annotation which is required by ${context.program} apply. ${context.program} apply should only be used on resources created declaratively by either ${context.program} create --save-config or ${context.program} apply. The missing annotation will be patched automatically.\n`,
      );
    }
    const patch = applyPatch(
      lastText === undefined ? {} : JSON.parse(lastText),
      withoutStatus(wanted),
      live,
      !isCustom,
    );
    // The type is named so that the server knows what it merges.
    if (isOnlyAnnotation(patch, annotations[LAST_APPLIED], wanted)) {
      return await tell(target.type, live, "unchanged");
    }
    if (flags["dry-run"] === "client") return await tell(target.type, wanted, "configured");
    try {
      const changed = await api.json<KubeManifestObject>("PATCH", objectPath(target), {
        body: patch,
        contentType: isCustom ? "application/merge-patch+json" : "application/strategic-merge-patch+json",
        query: writeQuery(flags),
      });
      return await tell(target.type, changed, "configured");
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
      if (error.reason === "Conflict" && attempt < ATTEMPTS) live = (await current(context, target)) ?? live;
      else if (flags.force && (error.reason === "Invalid" || error.reason === "Conflict")) {
        return await replaceByForce(context, flags, target, wanted, tell);
      } else {
        throw error.reason === "Invalid"
          ? error
          : error.during(`error when applying patch to "${target.manifest!.source}"`);
      }
    }
  }
}

/** What the file says of status is the server's to know. */
function withoutStatus({ status: _status, ...object }: KubeManifestObject): KubeManifestObject {
  return object as KubeManifestObject;
}

function isOnlyAnnotation(
  patch: Record<string, unknown>,
  lastText: string | undefined,
  wanted: KubeManifestObject,
): boolean {
  if (Object.keys(patch).length === 0) return true;
  const annotations = (wanted.metadata?.annotations ?? {}) as Record<string, string>;
  return lastText === annotations[LAST_APPLIED] && Object.keys(patch).length === 0;
}

async function replaceByForce(
  context: KubectlContext,
  flags: ApplyFlags,
  target: ObjectTarget,
  wanted: KubeManifestObject,
  tell: Tell,
): Promise<void> {
  const api = await context.api();
  const seconds = flags["grace-period"];
  const propagationPolicy = propagationOf(flags.cascade);
  const body = {
    kind: "DeleteOptions",
    apiVersion: "v1",
    propagationPolicy,
    ...(seconds >= 0 ? { gracePeriodSeconds: seconds } : {}),
  };
  await api.send("DELETE", objectPath(target), { body });
  for (;;) {
    try {
      const options = { body: wanted, query: writeQuery(flags) };
      const made = await api.json<KubeManifestObject>("POST", pathOf(target.type, target.namespace), options);
      return await tell(target.type, made, "configured");
    } catch (error) {
      // The old one is still on its way out.
      if (!(error instanceof KubeApiError) || error.reason !== "AlreadyExists") throw error;
      await Bun.sleep(200);
    }
  }
}
