/** What the controllers of volumes share. */

import type { ControllerTools } from "../controllers/control-loop.ts";

export interface StorageTools extends ControllerTools {
  /** Where the volumes of local-path claims lie, on each node. */
  volumeRoot: string;
  /** The node whose disk this process can reach. */
  nodeName: string;
}

export const PROVISIONER = "naru.dev/local-path";
export const LOCAL_CLASS = "local-path";
/** Set by the scheduler: the node on which the claim's first pod will run. */
export const SELECTED_NODE = "volume.kubernetes.io/selected-node";
export const PROVISIONED_BY = "pv.kubernetes.io/provisioned-by";
export const BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller";
export const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
export const CLAIM_PROTECTION = "kubernetes.io/pvc-protection";
export const VOLUME_PROTECTION = "kubernetes.io/pv-protection";
