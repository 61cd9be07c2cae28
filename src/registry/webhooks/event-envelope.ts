/** Events as docker-registry's notifications send them, so that what listens to one also understands the other. */
import { randomUUID } from "node:crypto";
import type { RegistryEvent } from "../contract.ts";

export const ENVELOPE_TYPE = "application/vnd.docker.distribution.events.v1+json";

/** One element of the envelope's "events". */
export interface NotifiedEvent {
  id: string;
  timestamp: string;
  action: string;
  target: {
    mediaType: string;
    size: number;
    digest: string;
    length: number;
    repository: string;
    url: string;
    tag?: string;
  };
  request: { id: string; addr: string; host: string; method: string; useragent: string };
  actor: { name?: string };
  source: { addr: string; instanceID: string };
}

const METHODS: Record<RegistryEvent["action"], string> = { push: "PUT", pull: "GET", delete: "DELETE", mount: "POST" };

/** `source` names this registry: its address ("https://registry.example") and a name that changes with every start. */
export function notifiedEvent(event: RegistryEvent, source: { url: string; instanceId: string }): NotifiedEvent {
  const { action, repository, target, tag, actor, timestamp } = event;
  const host = source.url.replace(/^https?:\/\//, "");
  // A manifest's address names what kind it is; blobs have the general type.
  const kind = target.mediaType === "application/octet-stream" ? "blobs" : "manifests";
  return {
    id: randomUUID(),
    timestamp,
    action,
    target: {
      mediaType: target.mediaType,
      size: target.size,
      digest: target.digest,
      length: target.size,
      repository,
      url: `${source.url}/v2/${repository}/${kind}/${target.digest}`,
      ...(tag === undefined ? {} : { tag }),
    },
    request: { id: randomUUID(), addr: actor.remoteAddress, host, method: METHODS[action], useragent: "" },
    actor: actor.user === "" ? {} : { name: actor.user },
    source: { addr: host, instanceID: source.instanceId },
  };
}
