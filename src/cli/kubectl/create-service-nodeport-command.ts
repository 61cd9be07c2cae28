import { int, strings } from "../flag-types.ts";
import { CREATE_FLAGS, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { createService, servicePorts } from "./new-service.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--tcp=<port>:<targetPort>] [options]",
  summary: "Make a service with a port on every node",
  flags: {
    ...CREATE_FLAGS,
    "node-port": int("The port of the nodes"),
    tcp: strings("Ports, as PORT or PORT:TARGET"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    await createService(context, flags, name, "NodePort", servicePorts(flags.tcp, false, flags["node-port"]));
  },
});
