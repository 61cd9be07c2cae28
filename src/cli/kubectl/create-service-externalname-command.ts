import { CliError } from "../cli-error.ts";
import { list, string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { servicePorts } from "./service-ports.ts";

export const command = defineKubectlCommand({
  usage: "NAME --external-name external.name [options]",
  summary: "Create an ExternalName service",
  flags: {
    ...CREATE_FLAGS,
    "external-name": string("The name that it stands for"),
    tcp: list("Ports, as PORT or PORT:TARGET", { type: "strings" }),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    if (flags["external-name"] === "") throw new CliError(`error: required flag(s) "external-name" not set`);
    const labels = { app: name };
    const ports = servicePorts(flags.tcp, true);
    const spec = {
      externalName: flags["external-name"],
      ...(ports.length > 0 ? { ports } : {}),
      selector: labels,
      type: "ExternalName",
    };
    await create(context, flags, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { labels, name },
      spec,
      status: { loadBalancer: {} },
    });
  },
});
