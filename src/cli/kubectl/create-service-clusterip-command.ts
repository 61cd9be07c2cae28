import { list, string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { servicePorts } from "./service-ports.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--tcp=<port>:<targetPort>] [options]",
  summary: "Create a ClusterIP service",
  flags: {
    ...CREATE_FLAGS,
    clusterip: string('Its address in the cluster; "None" for none'),

    tcp: list("Ports, as PORT or PORT:TARGET", { type: "strings" }),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const labels = { app: name };
    const ports = servicePorts(flags.tcp, flags.clusterip === "None");
    const spec = {
      ...(flags.clusterip === "" ? {} : { clusterIP: flags.clusterip }),
      ...(ports.length > 0 ? { ports } : {}),
      selector: labels,
      type: "ClusterIP",
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
