import { CliError } from "../cli-error.ts";
import { bool, int, list, string, strings } from "../flag-types.ts";
import { objectPatch } from "./apply-patch.ts";
import { cascade, propagationOf } from "./cascade.ts";
import { untilServed } from "./coming-types.ts";
import { withLastApplied } from "./create-object.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { Failures } from "./failures.ts";
import { KubeApiError } from "./kube-api.ts";
import { LAST_APPLIED, lastAppliedObject, lastAppliedText } from "./last-applied.ts";
import { type KubeManifestObject, listOf } from "./manifest-files.ts";
import { objectPrinter, PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, type ServedType } from "./resource-types.ts";
import { untilGone } from "./until-gone.ts";
import { dryRun, tellResult, validate, writeQuery } from "./write-flags.ts";

const CLIENT_SIDE = "kubectl-client-side-apply";
const ATTEMPTS = 5;

const FLAGS = {
  ...PRINT_FLAGS,
  all: bool("With --prune: whatever labels objects have"),
  cascade: cascade(),
  "dry-run": dryRun(),
  "field-manager": string("Who owns the fields that are set", { initial: CLIENT_SIDE }),
  filename: strings("Files, folders or addresses of objects", { short: "f" }),
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
  timeout: durationText(
    "With --wait or --force: how long to wait for the end of what is deleted (0: as long as it takes)",
    {
      initial: "0s",
    },
  ),
  validate: validate(),
  wait: bool("Wait until what is deleted is gone"),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };

export const command = defineKubectlCommand({
  usage: "-f FILENAME [options]",
  summary: "Make objects as files say",
  description:
    "Make objects as their files say: those that are missing are created, the others changed where they differ. What was taken out of a\nfile since it was last applied is taken away.",
  flags: FLAGS,
  async run({ flags, args, context, given }) {
    checkFlags(flags, args);
    const manager = flags["server-side"] && !given("field-manager") ? "kubectl" : flags["field-manager"];
    const { objects: wanted } = await namedObjects(context, [], flags);
    if (wanted.length === 0) throw new CliError("error: no objects passed to apply");
    await applyAll(context, { ...flags, "field-manager": manager }, wanted);
    if (flags.prune) {
      const { pruneObjects } = await import("./prune-objects.ts");
      await pruneObjects(context, flags, wanted);
    }
  },
});

function checkFlags(flags: Flags, args: readonly string[]): void {
  const refuse = (why: string) => new CliError(`error: ${why}`);
  const isOnServer = flags["server-side"];
  if (flags.filename.length === 0 && flags.kustomize === "") throw refuse("must specify one of -f and -k");
  if (args.length > 0) throw refuse(`Unexpected args: [${args.join(" ")}]`);
  if (flags["force-conflicts"] && !isOnServer) throw refuse("--force-conflicts only works with --server-side");
  if (isOnServer && flags["dry-run"] === "client")
    throw refuse("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)");
  if (flags.force && isOnServer) throw refuse("--force cannot be used with --server-side");
  // It deletes, which a dry run must not.
  if (flags.force && flags["dry-run"] === "server") throw refuse("--dry-run=server cannot be used with --force");
  if (flags.subresource !== "" && !isOnServer) throw refuse("--subresource can only be specified for --server-side");
  if (!flags.overwrite)
    throw refuse("--overwrite=false is not supported: see by 'diff' what others changed, then apply without it");
  if (flags.all && flags.selector !== "") throw refuse("cannot set --all and --selector at the same time");
  if (flags.prune && !flags.all && flags.selector === "")
    throw refuse("--prune without a choice would look at every object: name labels by -l, or mean all by --all");
}

/** What fails does not keep the others from being applied. Objects that are printed whole make one list. */
async function applyAll(context: KubectlContext, flags: Flags, targets: readonly ObjectTarget[]): Promise<void> {
  const isListed = targets.length > 1 && !["", "name"].includes(flags.output);
  const applied: KubeManifestObject[] = [];
  const failures = new Failures();
  const tell: Tell = async (type, object, verb) => {
    if (isListed) applied.push(object);
    else await tellResult(context, flags, type, object, verb);
  };
  for (const target of targets) {
    try {
      await applyOne(context, flags, target, tell);
    } catch (error) {
      failures.add(error);
    }
  }
  const printer = isListed ? await objectPrinter(flags) : undefined;
  if (printer !== undefined) context.print(printer(listOf(applied)));
  failures.throwIfAny();
}

type Tell = (type: ServedType, object: KubeManifestObject, verb: string) => Promise<void>;

async function applyOne(context: KubectlContext, flags: Flags, target: ObjectTarget, tell: Tell): Promise<void> {
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
  flags: Flags,
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
      `error: ${error.status.message}\nTo own these fields, apply again with --force-conflicts. To leave them to who has them, take them out of the file.\nTo share them, give them the values that they have.`,
    );
  }
}

async function createFresh(
  context: KubectlContext,
  flags: Flags,
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
    throw error instanceof KubeApiError ? error.during(`error when creating ${JSON.stringify(source)}`) : error;
  }
}

async function changeLive(
  context: KubectlContext,
  flags: Flags,
  target: ObjectTarget,
  found: KubeManifestObject,
  tell: Tell,
): Promise<void> {
  const api = await context.api();
  const wanted = withLastApplied(target.manifest!.object);
  let live = found;
  for (let attempt = 1; ; attempt++) {
    if (lastAppliedText(live) === undefined) {
      context.printError(
        `Warning: ${target.type.resource}/${target.name} was not made by '${context.program} apply': fields that its file does not name stay as they are. From now on the file's text is kept, in the annotation ${LAST_APPLIED}.\n`,
      );
    }
    const parts = { last: lastAppliedObject(live), wanted: withoutStatus(wanted), live };
    const { body, contentType } = objectPatch(target.type, parts);
    if (Object.keys(body).length === 0) return await tell(target.type, live, "unchanged");
    if (flags["dry-run"] === "client") return await tell(target.type, wanted, "configured");
    try {
      const changed = await api.json<KubeManifestObject>("PATCH", objectPath(target), {
        body,
        contentType,
        query: writeQuery(flags),
      });
      return await tell(target.type, changed, "configured");
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
      if (error.reason === "Conflict" && attempt < ATTEMPTS) live = (await current(context, target)) ?? live;
      else if (flags.force && (error.reason === "Invalid" || error.reason === "Conflict")) {
        return await replaceByForce(context, flags, target, live, wanted, tell);
      } else {
        throw error.during(`error when applying patch to "${target.manifest!.source}"`);
      }
    }
  }
}

/** What the file says of status is the server's to know. */
function withoutStatus({ status: _status, ...object }: KubeManifestObject): KubeManifestObject {
  return object as KubeManifestObject;
}

async function replaceByForce(
  context: KubectlContext,
  flags: Flags,
  target: ObjectTarget,
  live: KubeManifestObject,
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
  await untilGone(context, [{ target, uid: String(live.metadata?.uid ?? "") }], flags.timeout);
  const options = { body: wanted, query: writeQuery(flags) };
  const made = await api.json<KubeManifestObject>("POST", pathOf(target.type, target.namespace), options);
  await tell(target.type, made, "configured");
}
