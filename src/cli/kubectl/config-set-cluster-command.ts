import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { certificateMembers } from "./config-certificates.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { checkWordCount } from "./help-error.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { type Members, withEntry } from "./kubeconfig/model.ts";

export const command = defineKubectlCommand({
  usage:
    "NAME [--server=server] [--certificate-authority=path/to/certificate/authority] [--insecure-skip-tls-verify=true] [--tls-server-name=example.com] [options]",
  summary: "Add or change a cluster's entry",
  flags: {
    "certificate-authority": string("File of the cluster's certificate authority"),
    "embed-certs": bool("Take the file's content into the kubeconfig"),
    "insecure-skip-tls-verify": bool("Do not check the server's certificate: anybody may pose as it"),
    "proxy-url": string("Address of a proxy that requests go through"),
    server: string("Address of the API server"),
    "tls-server-name": string("The name that the server's certificate must have"),
  },
  async run({ flags, args, context, given }) {
    checkWordCount(args, 1);
    const name = args[0]!;
    const authority = flags["certificate-authority"];
    if (name === "") throw new CliError("error: you must specify a non-empty cluster name");
    if (flags["insecure-skip-tls-verify"] && authority !== "")
      throw new CliError("error: you cannot specify a certificate authority and insecure mode at the same time");
    if (flags["embed-certs"] && authority === "")
      throw new CliError("error: you must specify a --certificate-authority to embed");
    const changes: Members = {};
    for (const flag of ["server", "tls-server-name", "proxy-url", "insecure-skip-tls-verify"] as const) {
      if (given(flag)) changes[flag] = flags[flag];
    }
    // An authority and no check at all exclude each other.
    if (flags["insecure-skip-tls-verify"]) {
      Object.assign(changes, { "certificate-authority": undefined, "certificate-authority-data": undefined });
    }
    if (given("certificate-authority")) {
      const members = await certificateMembers("certificate-authority", authority, flags["embed-certs"]);
      Object.assign(changes, members, { "insecure-skip-tls-verify": false });
    }
    await new KubeconfigFiles(context.kubeconfig.path).change((config) => {
      const known = config.clusters.get(name);
      return withEntry(config, "clusters", name, { origin: "", ...known, value: { ...known?.value, ...changes } });
    });
    context.print(`Cluster ${JSON.stringify(name)} set.\n`);
  },
});
