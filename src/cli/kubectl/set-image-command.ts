import { CliError } from "../cli-error.ts";
import { bool, list, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import type { PodTemplateHolder } from "./workload-kinds.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

export const command = defineKubectlCommand({
  usage:
    "(-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N [options]",
  summary: "Update the image of a pod template",
  flags: {
    ...PRINT_FLAGS,
    all: bool("All objects of the types"),
    "dry-run": dryRun(),
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-set" }),
    filename: list("Files, folders or addresses of objects", { short: "f", type: "strings" }),
    kustomize: string("A kustomization", { short: "k" }),
    local: bool("Only change what -f names, without asking the server"),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    selector: string("Only objects with these labels", { short: "l" }),
  },
  async run({ flags, args, context }) {
    if (flags.local) throw new CliError("error: --local is not supported: use --dry-run=client");
    const first = args.findIndex((word) => (word.includes("=") && !word.includes("/")) || /^[^/=]+=/.test(word));
    const pairs = first < 0 ? [] : args.slice(first);
    if (pairs.length === 0) throw new CliError("error: at least one image update is required");
    const images = new Map(
      pairs.map((pair) => {
        const equals = pair.indexOf("=");
        if (equals < 1) throw new CliError(`error: all images must be of the form CONTAINER_NAME=IMAGE, got ${pair}`);
        return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
      }),
    );
    const { objects, types } = await namedObjects(context, args.slice(0, first), flags);
    const targets: ObjectTarget[] = [...objects];
    const api = await context.api();
    if (types.length > 0 && !flags.all && flags.selector === "") {
      throw new CliError("error: resource(s) were provided, but no name was specified");
    }
    for (const { type } of types) {
      const namespace = await context.namespace();
      const query = { labelSelector: flags.selector };
      const found = await api.get<{ items?: PodTemplateHolder[] }>(pathOf(type, namespace), { query });
      targets.push(...(found.items ?? []).map(({ metadata }) => ({ type, namespace, name: metadata.name })));
    }
    for (const target of targets) {
      const object = await api.get<PodTemplateHolder>(objectPath(target));
      const patch = imagePatch(object, images, target);
      if (patch === undefined) continue;
      const changed =
        flags["dry-run"] === "client"
          ? object
          : await api.json<PodTemplateHolder>("PATCH", objectPath(target), {
              body: patch,
              contentType: "application/strategic-merge-patch+json",
              query: writeQuery(flags),
            });
      await tellResult(context, flags, target.type, changed, "image updated");
    }
  },
});

/** Undefined when all images are as wished already. */
function imagePatch(object: PodTemplateHolder, images: ReadonlyMap<string, string>, target: ObjectTarget): unknown {
  const isPod = target.type.resource === "pods";
  const cron = (object.spec as { jobTemplate?: { spec?: PodTemplateHolder["spec"] } } | undefined)?.jobTemplate;
  const spec = (isPod ? object.spec : (cron?.spec ?? object.spec)?.template?.spec) as {
    containers?: { name: string; image?: string }[];
    initContainers?: { name: string; image?: string }[];
  };
  const known = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  for (const name of images.keys()) {
    if (name !== "*" && !known.some((container) => container.name === name)) {
      throw new CliError(`error: unable to find container named ${JSON.stringify(name)}`);
    }
  }
  const changes = (containers: { name: string; image?: string }[] = []) =>
    containers.flatMap(({ name, image: present }) => {
      const image = images.get(name) ?? images.get("*");
      return image === undefined || image === present ? [] : [{ name, image }];
    });
  const [containers, initContainers] = [changes(spec?.containers), changes(spec?.initContainers)];
  if (containers.length + initContainers.length === 0) return undefined;
  const podSpec = {
    ...(containers.length > 0 ? { containers } : {}),
    ...(initContainers.length > 0 ? { initContainers } : {}),
  };
  if (isPod) return { spec: podSpec };
  const template = { template: { spec: podSpec } };
  return cron === undefined ? { spec: template } : { spec: { jobTemplate: { spec: template } } };
}
