import { strings } from "../flag-types.ts";
import { CREATE_FLAGS, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { createService, servicePorts } from "./new-service.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--tcp=<port>:<targetPort>] [options]",
  summary: "Make a service with an address of a load balancer",
  flags: {
    ...CREATE_FLAGS,
    tcp: strings("Ports, as PORT or PORT:TARGET"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    await createService(context, flags, name, "LoadBalancer", servicePorts(flags.tcp));
  },
});
