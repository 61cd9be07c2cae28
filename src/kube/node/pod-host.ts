/** What a container of a pod asks of its pod. */

import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { PodFacts } from "./downward-values.ts";
import type { PodVolumes } from "./volumes/pod-volumes.ts";

export interface PodHost {
  readonly pod: Stored<Pod>;
  readonly facts: PodFacts;
  readonly volumes: PodVolumes;
  readonly hostname: string;
  /** Aborted when nothing may be started any more. */
  readonly starting: AbortSignal;
  /** Something has changed: the pod looks at what to do next and tells its status. */
  wake(): void;
  event(type: "Normal" | "Warning", reason: string, message: string, fieldPath?: string): void;
}
