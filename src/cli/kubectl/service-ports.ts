import { CliError } from "../cli-error.ts";

/** Ports of --tcp, "80" or "80:8080" or "80:http". @throws CliError when there is none and there must be one */
export function servicePorts(words: readonly string[], mayBeNone = false, nodePort = 0) {
  const all = words.flatMap((word) => word.split(","));
  if (all.length === 0 && !mayBeNone) throw new CliError("error: at least one tcp port specifier must be provided");
  return all.map((word) => {
    const [port = "", target = port] = word.split(":");
    if (!/^\d+$/.test(port) || Number(port) > 65_535)
      throw new CliError(`error: invalid port ${word}: write PORT or PORT:TARGET`);
    return {
      name: word.replace(":", "-"),
      port: Number(port),
      protocol: "TCP",
      targetPort: /^\d+$/.test(target) ? Number(target) : target,
      ...(nodePort > 0 ? { nodePort } : {}),
    };
  });
}
