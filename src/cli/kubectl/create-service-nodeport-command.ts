import { int, list } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { servicePorts } from "./service-ports.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--tcp=<port>:<targetPort>] [options]",
  summary: "Create a NodePort service",
  flags: {
    ...CREATE_FLAGS,

    "node-port": int("The port of the nodes"),
    tcp: list("Ports, as PORT or PORT:TARGET", { type: "strings" }),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const labels = { app: name };
    const ports = servicePorts(flags.tcp, false, flags["node-port"]);
    const spec = {
      ...(ports.length > 0 ? { ports } : {}),
      selector: labels,
      type: "NodePort",
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
