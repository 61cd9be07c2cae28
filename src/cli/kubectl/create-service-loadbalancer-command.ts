import { list } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { servicePorts } from "./service-ports.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--tcp=<port>:<targetPort>] [options]",
  summary: "Create a LoadBalancer service",
  flags: {
    ...CREATE_FLAGS,

    tcp: list("Ports, as PORT or PORT:TARGET", { type: "strings" }),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const labels = { app: name };
    const ports = servicePorts(flags.tcp);
    const spec = {
      ...(ports.length > 0 ? { ports } : {}),
      selector: labels,
      type: "LoadBalancer",
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
