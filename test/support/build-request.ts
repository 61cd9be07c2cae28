import type { BuildRequest } from "../../src/build/contract.ts";

/** A request of a Dockerfile that asks for nothing besides: no platform, no output, no context. */
export function bareRequest(dockerfile: string, changes: Partial<BuildRequest> = {}): BuildRequest {
  return {
    dockerfile: { name: "Dockerfile", text: Buffer.from(dockerfile) },
    namedContexts: {},
    target: "",
    buildArgs: {},
    labels: {},
    platforms: [],
    outputs: [],
    cacheTo: [],
    cacheFrom: [],
    noCache: false,
    noCacheStages: [],
    pull: false,
    squash: false,
    networkMode: "default",
    extraHosts: [],
    shmSizeBytes: 0,
    ulimits: [],
    cgroupParent: "",
    hostname: "",
    resources: {},
    entitlements: [],
    attestations: { sbom: false },
    ...changes,
  };
}
