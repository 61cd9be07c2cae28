/** What aggregated API servers need, put together: who is there, how they are reached, what keeps their objects up to date. */

import type { ClusterClient, ClusterPart } from "../contract.ts";
import type { ControllerTools } from "../controllers/control-loop.ts";
import { AggregationProxy } from "./aggregation-proxy.ts";
import { availabilityController } from "./availability-controller.ts";
import type { ProxyIdentity } from "./call-remote.ts";
import { localApiRegistration } from "./local-registration.ts";
import { RemoteApis } from "./remote-apis.ts";
import { RemoteOpenApi } from "./remote-open-api.ts";

export interface Aggregation {
  readonly remotes: RemoteApis;
  readonly proxy: AggregationProxy;
  readonly openApi: RemoteOpenApi;
  /** @param local the groups and versions that this server answers for itself */
  parts(tools: ControllerTools, local: Parameters<typeof localApiRegistration>[1]): ClusterPart[];
}

/** @param identity what other servers know this one by */
export function createAggregation(client: ClusterClient, identity: ProxyIdentity): Aggregation {
  const remotes = new RemoteApis(client);
  return {
    remotes,
    proxy: new AggregationProxy(client, identity),
    openApi: new RemoteOpenApi(client, remotes, identity),
    parts: (tools, local) => [localApiRegistration(tools, local), availabilityController(tools, remotes, identity)],
  };
}
