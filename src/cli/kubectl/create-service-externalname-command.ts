import { CliError } from "../cli-error.ts";
import { string, strings } from "../flag-types.ts";
import { CREATE_FLAGS, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { createService, servicePorts } from "./new-service.ts";

export const command = defineKubectlCommand({
  usage: "NAME --external-name external.name [options]",
  summary: "Make a service that stands for a name outside",
  flags: {
    ...CREATE_FLAGS,
    "external-name": string("The name that it stands for"),
    tcp: strings("Ports, as PORT or PORT:TARGET"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    if (flags["external-name"] === "") throw new CliError(`error: required flag(s) "external-name" not set`);
    await createService(context, flags, name, "ExternalName", servicePorts(flags.tcp, true), {
      externalName: flags["external-name"],
    });
  },
});
