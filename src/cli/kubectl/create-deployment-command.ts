import { CliError } from "../cli-error.ts";
import { int, strings } from "../flag-types.ts";
import { CREATE_FLAGS, create, nameOfImage, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "NAME --image=image -- [COMMAND] [args...] [options]",
  summary: "Make a deployment",
  flags: {
    ...CREATE_FLAGS,
    image: strings("Image of a container (may be repeated)"),
    port: int("The port that the containers listen on", { initial: -1 }),
    replicas: int("How many pods", { initial: 1, short: "r" }),
  },
  async run({ flags, args, afterDashes, context }) {
    const images = flags.image;
    if (images.length === 0) throw new CliError(`error: required flag(s) "image" not set`);
    const name = oneName(args);
    if (flags.replicas < 0) throw new CliError("error: --replicas must be 0 or more");
    if (images.length > 1 && afterDashes !== undefined) {
      throw new CliError("error: cannot specify multiple --image options and command");
    }
    const labels = { app: name };
    const ports = flags.port < 0 ? {} : { ports: [{ containerPort: flags.port }] };
    const containers = images.map((image, at) => ({
      name: nameOfImage(image),
      image,
      ...(afterDashes === undefined ? {} : { command: [...afterDashes] }),
      ...(at === 0 ? ports : {}),
      resources: {},
    }));
    const spec = { containers };
    await create(context, flags, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { labels, name },
      spec: {
        replicas: flags.replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
        strategy: {},
      },
      status: {},
    });
  },
});
