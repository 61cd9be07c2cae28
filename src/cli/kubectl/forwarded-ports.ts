/** Which port here leads to which in the pod: the words of `port-forward`. */

import { CliError } from "../cli-error.ts";
import type { PodLike } from "./pod-of.ts";

export interface ForwardedPort {
  /** 0: any that is free. */
  readonly local: number;
  readonly remote: number;
}
export interface ServiceLike {
  metadata: { name: string };
  spec?: {
    clusterIP?: string;
    ports?: { name?: string; port: number; protocol?: string; targetPort?: number | string }[];
  };
}

/** "80", "8080:80", ":80", "8443:https". A service's ports are those that it has, not the pod's. @throws CliError */
export function forwardedPort(word: string, pod: PodLike, service: ServiceLike | undefined): ForwardedPort {
  const parts = word.split(":");
  if (parts.length > 2) throw new CliError(`error: invalid port format '${word}'`);
  const remoteText = parts.at(-1)!;
  const localText = parts.length === 1 ? undefined : parts[0]!;
  const named = service === undefined ? podPort(pod, remoteText) : servicePort(service, pod, remoteText);
  const local = localText === undefined ? named.asked : localText === "" ? 0 : numberOf(localText, "local");
  if (!(named.remote > 0 && named.remote < 65536)) throw new CliError("error: remote port must be > 0");
  return { local, remote: named.remote };
}

function numberOf(text: string, what: string): number {
  if (/^\d+$/.test(text) && Number(text) < 65536) return Number(text);
  throw new CliError(
    `error: error parsing ${what} port '${text}': strconv.ParseUint: parsing ${JSON.stringify(text)}: ${/^\d+$/.test(text) ? "value out of range" : "invalid syntax"}`,
  );
}

/** `asked` is the number that the word itself stands for. */
function podPort(pod: PodLike, text: string): { asked: number; remote: number } {
  const number = /^\d+$/.test(text) ? numberOf(text, "remote") : namedPodPort(pod, text);
  return { asked: number, remote: number };
}

function namedPodPort({ metadata, spec }: PodLike, name: string): number {
  const found = spec.containers.flatMap(({ ports = [] }) => ports).find((port) => port.name === name);
  if (found !== undefined) return found.containerPort;
  throw new CliError(`error: Pod '${metadata.name}' does not have a named port '${name}'`);
}

function servicePort({ metadata, spec }: ServiceLike, pod: PodLike, text: string): { asked: number; remote: number } {
  const isNumber = /^\d+$/.test(text);
  const port = (spec?.ports ?? []).find((one) => (isNumber ? one.port === Number(text) : one.name === text));
  if (port === undefined) {
    const what = isNumber ? `service port ${text}` : `named port '${text}'`;
    throw new CliError(`error: Service ${isNumber ? metadata.name : `'${metadata.name}'`} does not have a ${what}`);
  }
  if (port.protocol === "UDP") throw new CliError(`error: UDP protocol is not supported for ${text}`);
  const { targetPort = port.port } = port;
  if (spec?.clusterIP === "None" && typeof targetPort === "number") return { asked: port.port, remote: port.port };
  if (typeof targetPort === "string") return { asked: port.port, remote: namedPodPort(pod, targetPort) };
  return { asked: port.port, remote: targetPort === 0 ? port.port : targetPort };
}
