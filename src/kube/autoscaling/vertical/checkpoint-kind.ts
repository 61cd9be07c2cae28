/** VerticalPodAutoscalerCheckpoint (autoscaling.k8s.io/v1): what is known of the use of one container, so that it outlives the daemon. */

import type { CustomResourceDefinition } from "../../../model/kubernetes/apiextensions.ts";
import type { ObjectMeta } from "../../../model/kubernetes/meta.ts";
import type { KeptHistogram } from "./usage-histogram.ts";
import { members, text, verticalCrd } from "./vertical-types.ts";

export const CHECKPOINT_KIND = "VerticalPodAutoscalerCheckpoint";
/** Of the histograms' form. */
export const CHECKPOINT_VERSION = "v3";

export interface CheckpointStatus {
  version?: string;
  lastUpdateTime?: string;
  cpuHistogram?: KeptHistogram;
  memoryHistogram?: KeptHistogram;
  firstSampleStart?: string;
  lastSampleStart?: string;
  totalSamplesCount?: number;
}

export interface VerticalPodAutoscalerCheckpoint {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: { vpaObjectName?: string; containerName?: string };
  status?: CheckpointStatus;
}

const time = { type: "string", format: "date-time" };
const histogram = members({
  referenceTimestamp: time,
  bucketWeights: { type: "object", additionalProperties: { type: "integer" } },
  totalWeight: { type: "number" },
});

export const CHECKPOINT_CRD: CustomResourceDefinition = verticalCrd(CHECKPOINT_KIND, "vpacheckpoint", {
  name: "v1",
  served: true,
  storage: true,
  schema: {
    openAPIV3Schema: members({
      spec: members({ vpaObjectName: text, containerName: text }),
      status: members({
        version: text,
        lastUpdateTime: time,
        cpuHistogram: histogram,
        memoryHistogram: histogram,
        firstSampleStart: time,
        lastSampleStart: time,
        totalSamplesCount: { type: "integer" },
      }),
    }),
  },
});
