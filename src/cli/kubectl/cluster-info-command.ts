import { defineKubectlCommand } from "./declaration.ts";

interface NamedService {
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  spec?: { ports?: { name?: string; port: number }[] };
}

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "Show the addresses of the cluster",
  flags: {},
  async run({ context }) {
    const api = await context.api();
    const { server } = api.access;
    context.print(`Kubernetes control plane is running at ${server}\n`);
    const query = { labelSelector: "kubernetes.io/cluster-service=true" };
    const { items = [] } = await api.get<{ items?: NamedService[] }>("/api/v1/namespaces/kube-system/services", {
      query,
    });
    for (const { metadata, spec } of items) {
      const port = spec?.ports?.[0];
      const scheme = port?.name === "https" || port?.port === 443 ? "https:" : "";
      const place = `${scheme}${metadata.name}:${port?.name ?? ""}`.replace(/:$/, "");
      const title = metadata.labels?.["kubernetes.io/name"] ?? metadata.name;
      context.print(
        `${title} is running at ${server}/api/v1/namespaces/${metadata.namespace}/services/${place}/proxy\n`,
      );
    }
    context.print("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n");
  },
});
