/** Gives every namespace its service account "default" and the cluster's certificate, by which pods know the API server. */

import type { ConfigMap, ServiceAccount } from "../../../model/kubernetes/core.ts";
import { CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS } from "../../../model/kubernetes/names.ts";
import type { KubeObject } from "../../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart, Informer } from "../../contract.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop, isNamespaceTerminating } from "../control-loop.ts";

const NAME = "service-account-controller";
const ACCOUNT = "default";
const CERTIFICATE_MAP = "kube-root-ca.crt";
const DESCRIPTION = "The authority that signs the API server's certificate for its addresses inside the cluster.";

/** @param certificate of the cluster's authority, PEM */
export function serviceAccountController(tools: ControllerTools, certificate: string): ClusterPart {
  return controlLoop(NAME, tools, (own) => makeController(own, certificate));
}

function makeController({ client }: ControllerTools, certificate: string): Controller {
  const namespaces = client.informer(NAMESPACES);
  const accounts = client.informer(SERVICE_ACCOUNTS);
  const maps = client.informer(CONFIG_MAPS);
  return {
    name: NAME,
    workers: 2,
    informers: [namespaces, accounts, maps] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => {
      const tell = (name: string) => (object: KubeObject) => {
        if (object.metadata.name === name) enqueue({ metadata: { name: object.metadata.namespace ?? "" } });
      };
      const map = tell(CERTIFICATE_MAP);
      return [
        namespaces.subscribe({ added: (namespace) => enqueue(namespace) }),
        accounts.subscribe({ deleted: tell(ACCOUNT) }),
        maps.subscribe({ updated: (_, after) => map(after), deleted: map }),
      ];
    },
    async sync({ name }) {
      const namespace = namespaces.get(undefined, name);
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return undefined;
      if (accounts.get(name, ACCOUNT) === undefined) await unlessThere(makeAccount(client, name));
      const map = maps.get(name, CERTIFICATE_MAP);
      if (map === undefined) await unlessThere(client.resource(CONFIG_MAPS).create(name, certificateMap(certificate)));
      else if (map.data?.["ca.crt"] !== certificate) {
        await client.resource(CONFIG_MAPS).update({ ...map, data: { "ca.crt": certificate } });
      }
      return undefined;
    },
  };
}

function makeAccount(client: ClusterClient, namespace: string): Promise<unknown> {
  const account: ServiceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: ACCOUNT } };
  return client.resource(SERVICE_ACCOUNTS).create(namespace, account);
}

function certificateMap(certificate: string): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: CERTIFICATE_MAP, annotations: { "kubernetes.io/description": DESCRIPTION } },
    data: { "ca.crt": certificate },
  };
}

async function unlessThere(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isStatus(error, "AlreadyExists") && !isNamespaceTerminating(error)) throw error;
  }
}
