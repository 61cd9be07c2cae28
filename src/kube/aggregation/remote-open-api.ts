/** OpenAPI documents of the servers behind APIServices, as parts of the cluster's own. */

import { boundedJson } from "../bounded-json.ts";
import type { ClusterClient } from "../contract.ts";
import { hasCondition } from "../controllers/status-conditions.ts";
import { callRemote, type ProxyIdentity } from "./call-remote.ts";
import type { RemoteApis } from "./remote-apis.ts";

const PATIENCE_MS = 5_000;
const ASKING = { name: "system:aggregator", groups: ["system:masters"] };

type Swagger = Record<string, unknown>;

export class RemoteOpenApi {
  constructor(
    private readonly client: ClusterClient,
    private readonly remotes: RemoteApis,
    private readonly identity: ProxyIdentity,
  ) {}

  /** "apis/a.b/v1" with something that changes when the document may have. */
  places(): { place: string; stamp: string }[] {
    return this.remotes.groupVersions().map(({ group, version }) => ({
      place: `apis/${group}/${version}`,
      stamp: this.remotes.find(`/apis/${group}/${version}`)?.metadata.resourceVersion ?? "",
    }));
  }

  /** OpenAPI 2 documents, one a server; one that is away or does not answer has none. */
  async swaggers(): Promise<Swagger[]> {
    const present = this.remotes.all().filter(({ status }) => hasCondition(status?.conditions, "Available"));
    const servers = new Map(present.map((api) => [JSON.stringify(api.spec?.service), api]));
    const found = await Promise.all(
      [...servers.values()].map(async (api): Promise<Swagger | undefined> => {
        try {
          const answer = await callRemote(this.client, this.identity, api, {
            method: "GET",
            path: "/openapi/v2",
            user: ASKING,
            headers: { accept: "application/json" },
            signal: AbortSignal.timeout(PATIENCE_MS),
          });
          const document = await boundedJson(answer);
          const isDocument = answer.statusCode === 200 && typeof document === "object" && document !== null;
          return isDocument ? (document as Swagger) : undefined;
        } catch {
          // What the server cannot tell now is missing in the document, as its resources are.
          return undefined;
        }
      }),
    );
    return found.filter((document) => document !== undefined);
  }
}
