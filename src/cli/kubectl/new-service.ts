import { CliError } from "../cli-error.ts";
import { create } from "./create-flags.ts";
import type { KubectlContext } from "./declaration.ts";

/** Creates the service, for pods that bear its name as the label "app". `spec`: what its type adds. */
export async function createService(
  context: KubectlContext,
  flags: Parameters<typeof create>[1],
  name: string,
  type: "ClusterIP" | "ExternalName" | "LoadBalancer" | "NodePort",
  ports: ReturnType<typeof servicePorts>,
  spec: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const labels = { app: name };
  await create(context, flags, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { labels, name },
    spec: { ...spec, ...(ports.length > 0 ? { ports } : {}), selector: labels, type },
    status: { loadBalancer: {} },
  });
}

/** Ports of --tcp, "80" or "80:8080" or "80:http". @throws CliError when there is none and there must be one */
export function servicePorts(words: readonly string[], mayBeNone = false, nodePort = 0) {
  if (words.length === 0 && !mayBeNone) throw new CliError("error: at least one tcp port specifier must be provided");
  return words.map((word) => {
    const [port = "", target = port] = word.split(":");
    if (!/^\d+$/.test(port) || Number(port) > 65_535)
      throw new CliError(`error: strconv.ParseUint: parsing ${JSON.stringify(word.split(":")[0])}: invalid syntax`);
    return {
      name: word.replace(":", "-"),
      port: Number(port),
      protocol: "TCP",
      targetPort: /^\d+$/.test(target) ? Number(target) : target,
      ...(nodePort > 0 ? { nodePort } : {}),
    };
  });
}
