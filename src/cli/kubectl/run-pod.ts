/** The pod, and the service before it, that the flags of `run` describe. */

import { CliError } from "../cli-error.ts";
import { keyValues } from "./create-flags.ts";
import type { KubeManifestObject } from "./manifest-files.ts";

export interface RunPodFlags {
  readonly annotations: readonly string[];
  readonly command: boolean;
  readonly env: readonly string[];
  readonly image: string;
  readonly "image-pull-policy": string;
  readonly labels: string;
  readonly "leave-stdin-open": boolean;
  readonly port: string;
  readonly privileged: boolean;
  readonly restart: string;
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** @param words what the program gets, or with --command the program itself @throws CliError */
export function podOfFlags(name: string, words: readonly string[], flags: RunPodFlags): KubeManifestObject {
  const program = words.length === 0 ? {} : { [flags.command ? "command" : "args"]: [...words] };
  const annotations = pairs(flags.annotations, "annotations format");
  const env = pairs(flags.env, "env");
  const port = flags.port === "" ? undefined : portOf(flags.port);
  return {
    kind: "Pod",
    apiVersion: "v1",
    metadata: {
      name,
      labels: podLabels(name, flags.labels),
      ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    },
    spec: {
      containers: [
        {
          name,
          image: flags.image,
          ...program,
          ...(port === undefined ? {} : { ports: [{ containerPort: port }] }),
          ...(env.length === 0 ? {} : { env: env.map(([key, value]) => ({ name: key, ...(value && { value }) })) }),
          resources: {},
          ...(flags["image-pull-policy"] === "" ? {} : { imagePullPolicy: flags["image-pull-policy"] }),
          ...(flags.privileged ? { securityContext: { privileged: true } } : {}),
          ...(flags.stdin ? { stdin: true } : {}),
          // Once, so that the program sees the end of its input when we leave.
          ...(flags.stdin && !flags["leave-stdin-open"] ? { stdinOnce: true } : {}),
          ...(flags.tty ? { tty: true } : {}),
        },
      ],
      restartPolicy: flags.restart,
      dnsPolicy: "ClusterFirst",
    },
    status: {},
  };
}

/** The service of --expose. */
export function serviceOfFlags(name: string, flags: RunPodFlags): KubeManifestObject {
  const port = portOf(flags.port);
  const labels = podLabels(name, flags.labels);
  return {
    kind: "Service",
    apiVersion: "v1",
    metadata: { name, ...(flags.labels === "" ? {} : { labels }) },
    spec: { ports: [{ protocol: "TCP", port, targetPort: port }], selector: labels },
    status: { loadBalancer: {} },
  };
}

function pairs(texts: readonly string[], what: string): [string, string][] {
  try {
    return keyValues(texts, what);
  } catch {
    const wrong = texts.find((text) => text.indexOf("=") < 1);
    throw new CliError(`error: invalid ${what}: ${wrong}`);
  }
}

function podLabels(name: string, text: string): Record<string, string> {
  if (text === "") return { run: name };
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const parts = pair.split("=");
      if (parts.length !== 2 || parts[0] === "") throw new CliError(`error: unexpected label spec: ${pair}`);
      return [parts[0]!, parts[1]!];
    }),
  );
}

function portOf(text: string): number {
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  throw new CliError(`error: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
}
