import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, string, strings } from "../flag-types.ts";
import { cascade, propagationOf } from "./cascade.ts";
import { withLastApplied } from "./create-object.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { deleteObjects, graceSeconds } from "./delete-objects.ts";
import { durationText } from "./duration-flag.ts";
import { onEach } from "./failures.ts";
import { KubeApiError } from "./kube-api.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { dryRun, tellResult, validate, writeQuery } from "./write-flags.ts";

const FLAGS = {
  ...PRINT_FLAGS,
  cascade: cascade(),
  "dry-run": dryRun(),
  "field-manager": string("Who owns the fields that are set", { initial: "kubectl-replace" }),
  filename: strings("Files, folders or addresses of objects", { short: "f" }),
  force: bool("Delete, wait for the end and create anew"),
  "grace-period": int("With --force: seconds that the object has to end; negative: its own", { initial: -1 }),
  kustomize: string("A kustomization", { short: "k" }),
  raw: string("A path of the API that the file is put to"),
  recursive: bool("Folders below those of -f too", { short: "R" }),
  "save-config": bool("Keep the file's text in an annotation, for later use of apply"),
  subresource: string("A part of the objects: status, scale, resize"),
  timeout: durationText("With --force: how long to wait for the end (0: five minutes)", { initial: "0s" }),
  validate: validate(),
  wait: bool("Changes nothing: with --force the end is always waited for"),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };

export const command = defineKubectlCommand({
  usage: "-f FILENAME [options]",
  summary: "Put files in the place of objects",
  flags: FLAGS,
  async run({ flags, args, context }) {
    if (flags.filename.length === 0 && flags.kustomize === "")
      throw new CliError("error: must specify one of -f and -k");
    if (args.length > 0)
      throw new CliError(
        `error: Unexpected args: [${args.join(" ")}]\nSee '${context.program} replace -h' for help and examples`,
      );
    checkFlags(flags);
    if (flags.raw !== "") {
      const { printRawAnswer } = await import("./raw-request.ts");
      await printRawAnswer(context, "PUT", flags.raw, flags.filename[0]!);
      return;
    }
    const { objects } = await namedObjects(context, [], flags);
    if (flags.force) return await deleteAndCreate(context, objects, flags);
    await onEach(objects, (target) => replaceOne(context, target, flags));
  },
});

function checkFlags(flags: Flags): void {
  const refuse = (why: string) => new CliError(`error: ${why}`);
  if (flags.force && flags["dry-run"] !== "none") throw refuse("--dry-run can not be used when --force is set");
  if (flags["grace-period"] >= 0 && !flags.force) throw refuse("--grace-period must have --force specified");
  if (parseDuration(flags.timeout) !== 0 && !flags.force) throw refuse("--timeout must have --force specified");
  propagationOf(flags.cascade);
  if (flags.raw === "") return;
  if (flags.filename.length !== 1 || /^https?:|,/.test(flags.filename[0]!))
    throw refuse("--raw can only use a single local file or stdin");
  if (flags.recursive) throw refuse("--raw and --recursive are mutually exclusive");
  if (flags.output !== "") throw refuse("--raw and --output are mutually exclusive");
}

const wantedOf = ({ manifest }: ObjectTarget, flags: Flags): KubeManifestObject =>
  flags["save-config"] ? withLastApplied(manifest!.object) : manifest!.object;

async function replaceOne(context: KubectlContext, target: ObjectTarget, flags: Flags): Promise<void> {
  const wanted = wantedOf(target, flags);
  if (flags["dry-run"] === "client") return await tellResult(context, flags, target.type, wanted, "replaced");
  const api = await context.api();
  try {
    // What is replaced must be there, and stays the same object.
    const path = objectPath(target, flags.subresource || undefined);
    const body = await withVersion(context, target, wanted, path);
    const made = await api.json<KubeManifestObject>("PUT", path, { body, query: writeQuery(flags) });
    await tellResult(context, flags, target.type, made, "replaced");
  } catch (error) {
    if (!(error instanceof KubeApiError)) throw error;
    throw error.during(`error when replacing ${JSON.stringify(target.manifest!.source)}`);
  }
}

/** A file that names no version replaces whatever version there is. */
async function withVersion(
  context: KubectlContext,
  target: ObjectTarget,
  wanted: KubeManifestObject,
  path: string,
): Promise<KubeManifestObject> {
  if (wanted.metadata?.resourceVersion) return wanted;
  const present = await (await context.api()).get<KubeManifestObject>(path);
  return {
    ...wanted,
    metadata: { name: target.name, ...wanted.metadata, resourceVersion: present.metadata?.resourceVersion },
  };
}

async function deleteAndCreate(context: KubectlContext, targets: readonly ObjectTarget[], flags: Flags): Promise<void> {
  await deleteObjects(context, targets, {
    ...flags,
    "ignore-not-found": true,
    output: flags.output === "name" ? "name" : "",
    // --force is about what is replaced, not about how it ends.
    seconds: graceSeconds({ ...flags, force: false }),
    isForced: false,
    timeout: parseDuration(flags.timeout) === 0 ? "5m" : flags.timeout,
    wait: true,
  });
  const api = await context.api();
  await onEach(targets, async (target) => {
    const body = wantedOf(target, flags);
    try {
      const made = await api.json<KubeManifestObject>("POST", pathOf(target.type, target.namespace), {
        body,
        query: writeQuery(flags),
      });
      await tellResult(context, flags, target.type, made, "replaced");
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
      throw error.during(`error when creating ${JSON.stringify(target.manifest!.source)}`);
    }
  });
}
