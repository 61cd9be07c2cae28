/** serviceaccounts/token: a token for an account, for a time, perhaps bound to the life of a pod, a secret or a node. */
import type { TokenRequest } from "../../model/kubernetes/authentication.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import { NODES, PODS, SECRETS, SERVICE_ACCOUNTS } from "../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { LocalClusterClient } from "../machinery/cluster-client.ts";
import { timestamp } from "../machinery/core.ts";
import { invalid, invalidObject, notSupported } from "../machinery/field-error.ts";
import { conflict, notFound, StatusError } from "../status.ts";
import { ISSUER, type ServiceAccountTokens } from "./service-account-tokens.ts";

const DEFAULT_SECONDS = 3600;
const SHORTEST_SECONDS = 600;
const LONGEST_SECONDS = 2 ** 32;
const REVIEW: ResourceType = {
  group: "authentication.k8s.io",
  version: "v1",
  resource: "tokenrequests",
  kind: "TokenRequest",
  namespaced: true,
};
const BOUND_KINDS: Record<string, ResourceType> = { Pod: PODS, Secret: SECRETS, Node: NODES };

/** Lets the machinery answer POST …/serviceaccounts/NAME/token. */
export function answerTokenRequests(client: LocalClusterClient, tokens: ServiceAccountTokens): void {
  client.handleSubresource(SERVICE_ACCOUNTS, "token", async ({ namespace, name, body }) => {
    const account = client.informer(SERVICE_ACCOUNTS).get(namespace, name);
    if (account === undefined) throw notFound("", "serviceaccounts", name);
    const request = body as TokenRequest;
    const { audiences, expirationSeconds = DEFAULT_SECONDS, boundObjectRef } = request.spec ?? {};
    checkSeconds(expirationSeconds);
    const bound = boundObjectRef === undefined ? undefined : findBound(client, namespace, boundObjectRef);
    const { token, claims } = tokens.issue({
      account,
      audiences: audiences?.length ? audiences : [ISSUER],
      seconds: expirationSeconds,
      ...(bound === undefined ? {} : { boundTo: bound, ...nodeOf(client, bound) }),
    });
    return {
      kind: "TokenRequest",
      apiVersion: "authentication.k8s.io/v1",
      metadata: { name, namespace, creationTimestamp: timestamp(Date.now()) },
      spec: { audiences: claims.aud, expirationSeconds, boundObjectRef: boundObjectRef ?? null },
      status: { token, expirationTimestamp: timestamp(claims.exp * 1000) },
    };
  });
}

function checkSeconds(seconds: number): void {
  const field = "spec.expirationSeconds";
  if (seconds < SHORTEST_SECONDS) {
    throw invalidObject(REVIEW, "", [invalid(field, seconds, "may not specify a duration less than 10 minutes")]);
  }
  if (seconds > LONGEST_SECONDS) {
    throw invalidObject(REVIEW, "", [invalid(field, seconds, "may not specify a duration larger than 2^32 seconds")]);
  }
}

function findBound(
  client: LocalClusterClient,
  namespace: string | undefined,
  reference: { kind?: string; name?: string; uid?: string },
): Stored<KubeObject> {
  const { kind = "", name = "", uid } = reference;
  const type = BOUND_KINDS[kind];
  if (type === undefined) {
    throw invalidObject(REVIEW, "", [notSupported("spec.boundObjectRef.kind", kind, Object.keys(BOUND_KINDS))]);
  }
  const found = client.informer(type).get(type.namespaced ? namespace : undefined, name);
  if (found === undefined) throw notFound(type.group, type.resource, name);
  if (uid && uid !== found.metadata.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict(type.group, type.resource, name, why);
  }
  if (found.metadata.deletionTimestamp !== undefined) {
    throw new StatusError("Invalid", `${type.resource} ${JSON.stringify(name)} is being deleted`);
  }
  return found;
}

/** A pod's token also tells which node it runs on. */
function nodeOf(client: LocalClusterClient, bound: Stored<KubeObject>): { node?: { name: string; uid: string } } {
  const nodeName = bound.kind === "Pod" ? (bound as Stored<Pod>).spec?.nodeName : undefined;
  if (!nodeName) return {};
  const uid = client.informer(NODES).get(undefined, nodeName)?.metadata.uid;
  return uid === undefined ? {} : { node: { name: nodeName, uid } };
}
