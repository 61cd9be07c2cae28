/** OpenAPI documents of the servers behind APIServices, as parts of the cluster's own. */

import { json } from "node:stream/consumers";
import type { ClusterClient } from "../contract.ts";
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

  /** OpenAPI 2 documents, one a server; a server that does not answer has none. */
  async swaggers(): Promise<Swagger[]> {
    const servers = new Map(this.remotes.all().map((api) => [JSON.stringify(api.spec?.service), api]));
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
          const document = (await json(answer)) as Swagger;
          return answer.statusCode === 200 ? document : undefined;
        } catch {
          // What the server cannot tell now is missing in the document, as its resources are.
          return undefined;
        }
      }),
    );
    return found.filter((document) => document !== undefined);
  }
}
