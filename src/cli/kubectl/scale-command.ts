import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, string, strings } from "../flag-types.ts";
import { NOTHING_NAMED } from "./chosen-objects.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { onEach } from "./failures.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

interface Scale {
  metadata?: { resourceVersion?: string; name?: string };
  spec?: { replicas?: number };
  status?: { replicas?: number };
}

export const command = defineKubectlCommand({
  usage: "[--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME) [options]",
  summary: "Change how many pods a workload has",
  flags: {
    ...PRINT_FLAGS,
    all: bool("All objects of the types"),
    "current-replicas": int("Only where there are so many now; -1 for any number", { initial: -1 }),
    "dry-run": dryRun(),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    replicas: int("The new size"),
    "resource-version": string("Only where the object has this version"),
    selector: string("Only objects with these labels", { short: "l" }),
    timeout: durationText("How long to wait for the new size (0: not at all)", { initial: "0s" }),
  },
  async run({ flags, args, context, given }) {
    if (!given("replicas")) throw new CliError(`error: required flag(s) "replicas" not set`);
    if (flags.replicas < 0)
      throw new CliError("error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
    // --all beside names means nothing, as with kubectl.
    const { objects, types } = await namedObjects(context, args, { ...flags, all: false });
    if (types.length > 0 && !flags.all && flags.selector === "") {
      throw new CliError("error: resource(s) were provided, but no name was specified");
    }
    if (objects.length + types.length === 0) throw new CliError(NOTHING_NAMED);
    const api = await context.api();
    const targets: ObjectTarget[] = [...objects];
    for (const { type } of types) {
      const namespace = await context.namespace();
      const query = { labelSelector: flags.selector };
      const found = await api.get<{ items?: { metadata: { name: string } }[] }>(pathOf(type, namespace), { query });
      targets.push(...(found.items ?? []).map(({ metadata }) => ({ type, namespace, name: metadata.name })));
    }
    if (targets.length === 0) throw new CliError("error: no objects passed to scale");
    await onEach(targets, (target) => scaleOne(context, flags, target));
  },
});

type Flags = Parameters<typeof tellResult>[1] & {
  "current-replicas": number;
  "resource-version": string;
  replicas: number;
  timeout: string;
};

async function scaleOne(context: KubectlContext, flags: Flags, target: ObjectTarget): Promise<void> {
  const api = await context.api();
  const path = objectPath(target, "scale");
  const scale = await api.get<Scale>(path);
  const wanted = flags["current-replicas"];
  if (wanted >= 0 && scale.spec?.replicas !== wanted) {
    throw new CliError(`error: Expected replicas to be ${wanted}, was ${scale.spec?.replicas ?? 0}`);
  }
  const version = flags["resource-version"];
  if (version !== "" && scale.metadata?.resourceVersion !== version) {
    throw new CliError(`error: Expected resource version to be ${version}, was ${scale.metadata?.resourceVersion}`);
  }
  if (flags["dry-run"] !== "client") {
    await api.json("PATCH", path, {
      body: {
        spec: { replicas: flags.replicas },
        ...(wanted >= 0 || version !== "" ? { metadata: { resourceVersion: scale.metadata?.resourceVersion } } : {}),
      },
      contentType: "application/merge-patch+json",
      query: writeQuery(flags),
    });
  }
  const limit = parseDuration(flags.timeout) / 1e6;
  if (limit > 0 && flags["dry-run"] === "none") await untilScaled(context, target, flags.replicas, limit);
  const shown = flags.output === "" ? { metadata: { name: target.name } } : await api.get<object>(objectPath(target));
  await tellResult(context, flags, target.type, shown, "scaled");
}

async function untilScaled(
  context: KubectlContext,
  target: ObjectTarget,
  replicas: number,
  limitMs: number,
): Promise<void> {
  const api = await context.api();
  const deadline = Date.now() + limitMs;
  while ((await api.get<Scale>(objectPath(target, "scale"))).status?.replicas !== replicas) {
    if (Date.now() > deadline)
      throw new CliError(
        `error: timed out waiting for ${target.type.resource}/${target.name} to have ${replicas} replicas`,
      );
    await Bun.sleep(100);
  }
}
