import { CliError } from "../cli-error.ts";
import { bool, int, list, string } from "../flag-types.ts";
import { applyPatch, isMergedByKeys } from "./apply-patch.ts";
import { withLastApplied } from "./create-object.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { KubeApiError } from "./kube-api.ts";
import { LAST_APPLIED } from "./last-applied.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS, type PrintFlags } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
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
    "dry-run": dryRun(),
    "field-manager": string("Who owns the fields that are set", { initial: CLIENT_SIDE }),
    filename: list("Files, folders or addresses of objects", { short: "f", type: "strings" }),
    force: bool("Delete and create anew what cannot be changed"),
    "force-conflicts": bool("With --server-side: take over fields that others own"),
    "grace-period": int("With --force: seconds that the old object has to end", { initial: -1 }),
    kustomize: string("A kustomization", { short: "k" }),
    overwrite: bool("Changes that others made to the same fields are undone", { initial: true }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    "server-side": bool("The server merges, and knows who owns which field"),
    validate: validate(),
    wait: bool("", { hidden: true }),
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
    const manager = flags["server-side"] && !given("field-manager") ? "kubectl" : flags["field-manager"];
    const { objects } = await namedObjects(context, [], flags);
    if (objects.length === 0) throw new CliError("error: no objects passed to apply");
    const failures: string[] = [];
    for (const target of objects) {
      try {
        await applyOne(context, { ...flags, "field-manager": manager }, target);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        failures.push(error.message);
      }
    }
    if (failures.length > 0) throw new CliError(failures.join("\n"));
  },
});

interface ApplyFlags extends PrintFlags {
  readonly "dry-run": string;
  readonly "field-manager": string;
  readonly "force-conflicts": boolean;
  readonly force: boolean;
  readonly "grace-period": number;
  readonly "server-side": boolean;
  readonly validate: string;
}

async function applyOne(context: KubectlContext, flags: ApplyFlags, target: ObjectTarget): Promise<void> {
  const { type, name, manifest } = target;
  const { object, source } = manifest!;
  if (name === "") {
    throw new CliError(
      object.metadata?.generateName
        ? `error: from ${object.metadata.generateName}: cannot use generate name with apply`
        : `error: error when retrieving current configuration of "${source}": resource name may not be empty`,
    );
  }
  if (flags["server-side"]) {
    const applied = await applyOnServer(context, flags, target, object);
    await tellResult(context, flags, type, applied, "serverside-applied");
    return;
  }
  const live = await current(context, target);
  if (live === undefined) await createFresh(context, flags, target, object, source);
  else await changeLive(context, flags, target, object, live);
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
    return await api.json<KubeManifestObject>("PATCH", objectPath(target), {
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
  { type, namespace }: ObjectTarget,
  object: KubeManifestObject,
  source: string,
): Promise<void> {
  const wanted = withLastApplied(object);
  if (flags["dry-run"] === "client") return await tellResult(context, flags, type, wanted, "created");
  const api = await context.api();
  try {
    const options = { body: wanted, query: writeQuery(flags) };
    const made = await api.json<KubeManifestObject>("POST", pathOf(type, namespace), options);
    await tellResult(context, flags, type, made, "created");
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
  object: KubeManifestObject,
  found: KubeManifestObject,
): Promise<void> {
  const api = await context.api();
  const wanted = withLastApplied(object);
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
      return await tellResult(context, flags, target.type, live, "unchanged");
    }
    if (flags["dry-run"] === "client") return await tellResult(context, flags, target.type, wanted, "configured");
    try {
      const changed = await api.json<KubeManifestObject>("PATCH", objectPath(target), {
        body: patch,
        contentType: isCustom ? "application/merge-patch+json" : "application/strategic-merge-patch+json",
        query: writeQuery(flags),
      });
      const isSame = changed.metadata?.resourceVersion === live.metadata?.resourceVersion;
      return await tellResult(context, flags, target.type, changed, isSame ? "unchanged" : "configured");
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
      if (error.reason === "Conflict" && attempt < ATTEMPTS) live = (await current(context, target)) ?? live;
      else if (flags.force && (error.reason === "Invalid" || error.reason === "Conflict")) {
        return await replaceByForce(context, flags, target, wanted);
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
): Promise<void> {
  const api = await context.api();
  const seconds = flags["grace-period"];
  const body = { kind: "DeleteOptions", apiVersion: "v1", ...(seconds >= 0 ? { gracePeriodSeconds: seconds } : {}) };
  await api.send("DELETE", objectPath(target), { body });
  for (;;) {
    try {
      const options = { body: wanted, query: writeQuery(flags) };
      const made = await api.json<KubeManifestObject>("POST", pathOf(target.type, target.namespace), options);
      return await tellResult(context, flags, target.type, made, "configured");
    } catch (error) {
      // The old one is still on its way out.
      if (!(error instanceof KubeApiError) || error.reason !== "AlreadyExists") throw error;
      await Bun.sleep(200);
    }
  }
}
