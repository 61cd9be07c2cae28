import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [options]",
  summary: "Make a job that runs again and again",
  flags: {
    ...CREATE_FLAGS,
    image: string("The image"),
    restart: string("The pods' restart policy: OnFailure (default) or Never"),
    schedule: string("When, in cron's five fields"),
  },
  async run({ flags, args, afterDashes, context }) {
    const name = oneName(args);
    const lacking = (["image", "schedule"] as const).filter((flag) => flags[flag] === "");
    if (lacking.length > 0)
      throw new CliError(`error: required flag(s) ${lacking.map((flag) => `"${flag}"`).join(", ")} not set`);
    const container = {
      image: flags.image,
      name,
      ...(afterDashes === undefined ? {} : { command: [...afterDashes] }),
      resources: {},
    };
    const template = { metadata: {}, spec: { containers: [container], restartPolicy: flags.restart || "OnFailure" } };
    const spec = { jobTemplate: { metadata: { name }, spec: { template } }, schedule: flags.schedule };
    await create(context, flags, { apiVersion: "batch/v1", kind: "CronJob", metadata: { name }, spec, status: {} });
  },
});
