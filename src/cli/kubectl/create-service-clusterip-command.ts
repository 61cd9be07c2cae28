import { string, strings } from "../flag-types.ts";
import { CREATE_FLAGS, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { createService, servicePorts } from "./new-service.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--tcp=<port>:<targetPort>] [options]",
  summary: "Make a service with an address in the cluster",
  flags: {
    ...CREATE_FLAGS,
    clusterip: string('Its address in the cluster; "None" for none'),
    tcp: strings("Ports, as PORT or PORT:TARGET"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    await createService(context, flags, name, "ClusterIP", servicePorts(flags.tcp, flags.clusterip === "None"), {
      ...(flags.clusterip === "" ? {} : { clusterIP: flags.clusterip }),
    });
  },
});
