import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { namedObjects, objectPath } from "./resource-arguments.ts";

export const command = defineKubectlCommand({
  usage: "NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...] [options]",
  summary: "Make a job, or run a cron job now",
  flags: { ...CREATE_FLAGS, from: string("A cron job whose job it is, as cronjob/NAME"), image: string("The image") },
  async run({ flags, args, afterDashes, context }) {
    const name = oneName(args);
    if ((flags.image === "") === (flags.from === ""))
      throw new CliError("error: either --image or --from must be specified");
    if (flags.from !== "" && afterDashes !== undefined) throw new CliError("error: cannot specify --from and command");
    if (flags.from !== "") {
      const { objects } = await namedObjects(context, [flags.from]);
      const target = objects[0]!;
      if (target.type.resource !== "cronjobs")
        throw new CliError(`error: unknown object type *${target.type.version}.${target.type.kind}`);
      const cron = await (await context.api()).get<KubeManifestObject>(objectPath(target));
      await create(context, flags, jobOf(cron, name));
      return;
    }
    const container = {
      image: flags.image,
      name,
      ...(afterDashes === undefined ? {} : { command: [...afterDashes] }),
      resources: {},
    };
    const spec = { template: { metadata: {}, spec: { containers: [container], restartPolicy: "Never" } } };
    await create(context, flags, { apiVersion: "batch/v1", kind: "Job", metadata: { name }, spec, status: {} });
  },
});

function jobOf(cron: KubeManifestObject, name: string): KubeManifestObject {
  const { metadata = {}, spec } = (cron.spec as { jobTemplate: { metadata?: Record<string, unknown>; spec: unknown } })
    .jobTemplate;
  const annotations = { ...(metadata.annotations as object), "cronjob.kubernetes.io/instantiate": "manual" };
  const owner = {
    apiVersion: "batch/v1",
    kind: "CronJob",
    name: cron.metadata?.name,
    uid: cron.metadata?.uid,
    controller: true,
  };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, annotations, labels: metadata.labels, ownerReferences: [owner] },
    spec,
  };
}
