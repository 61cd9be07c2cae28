/** The class "naru", which is the default one, and which ingresses are of it. */

import { INGRESS_CLASSES } from "../../model/kubernetes/names.ts";
import type { Ingress } from "../../model/kubernetes/networking.ts";
import type { ClusterClient } from "../contract.ts";
import { isStatus } from "../status.ts";

const CLASS = "naru";
const CONTROLLER = "naru.dev/ingress";
const OLD_ANNOTATION = "kubernetes.io/ingress.class";
export const IS_DEFAULT_INGRESS_CLASS = "ingressclass.kubernetes.io/is-default-class";

/** Makes the class where it is missing; one that is there stays as its owner wants it. */
export async function ensureIngressClass(client: ClusterClient): Promise<void> {
  try {
    await client.resource(INGRESS_CLASSES).create(undefined, {
      apiVersion: "networking.k8s.io/v1",
      kind: "IngressClass",
      metadata: { name: CLASS, annotations: { [IS_DEFAULT_INGRESS_CLASS]: "true" } },
      spec: { controller: CONTROLLER },
    });
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

/** True for ingresses whose class (or, of old, annotation) names this controller. */
export function isOurIngress(client: ClusterClient, { spec, metadata }: Ingress): boolean {
  const name = spec?.ingressClassName ?? metadata.annotations?.[OLD_ANNOTATION];
  if (name === undefined) return false;
  return client.informer(INGRESS_CLASSES).get(undefined, name)?.spec?.controller === CONTROLLER;
}
