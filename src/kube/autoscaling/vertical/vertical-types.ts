/** VerticalPodAutoscaler (autoscaling.k8s.io/v1): a custom kind that every cluster has. */

import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from "../../../model/kubernetes/apiextensions.ts";
import type { CrossVersionObjectReference } from "../../../model/kubernetes/autoscaling.ts";
import type { ObjectMeta } from "../../../model/kubernetes/meta.ts";

export const VERTICAL_API_VERSION = "autoscaling.k8s.io/v1";
export const VERTICAL_KIND = "VerticalPodAutoscaler";

export interface ContainerPolicy {
  /** "*" for all that have none of their own. */
  containerName?: string;
  mode?: "Auto" | "Off";
  minAllowed?: Record<string, string>;
  maxAllowed?: Record<string, string>;
  controlledResources?: string[];
  controlledValues?: "RequestsAndLimits" | "RequestsOnly";
}
export interface ContainerRecommendation {
  containerName: string;
  target: Record<string, string>;
  lowerBound: Record<string, string>;
  upperBound: Record<string, string>;
  uncappedTarget: Record<string, string>;
}
export interface VerticalPodAutoscaler {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: {
    targetRef?: CrossVersionObjectReference;
    updatePolicy?: { updateMode?: UpdateMode; minReplicas?: number };
    resourcePolicy?: { containerPolicies?: ContainerPolicy[] };
  };
  status?: {
    recommendation?: { containerRecommendations?: ContainerRecommendation[] };
    conditions?: { type: string; status: string; lastTransitionTime: string; reason?: string; message?: string }[];
  };
}
export type UpdateMode = "Off" | "Initial" | "Recreate" | "InPlaceOrRecreate" | "Auto";

export const text: JSONSchemaProps = { type: "string" };
const amounts: JSONSchemaProps = {
  type: "object",
  additionalProperties: {
    anyOf: [{ type: "integer" }, { type: "string" }],
    "x-kubernetes-int-or-string": true,
  } as JSONSchemaProps,
};
const choice = (...words: string[]): JSONSchemaProps => ({ type: "string", enum: words });
const list = (items: JSONSchemaProps): JSONSchemaProps => ({ type: "array", items });
export const members = (properties: Record<string, JSONSchemaProps>, ...required: string[]): JSONSchemaProps => ({
  type: "object",
  properties,
  ...(required.length > 0 ? { required } : {}),
});

const SPEC = members(
  {
    targetRef: members({ apiVersion: text, kind: text, name: text }, "kind", "name"),
    updatePolicy: members({
      updateMode: choice("Off", "Initial", "Recreate", "InPlaceOrRecreate", "Auto"),
      minReplicas: { type: "integer", format: "int32", minimum: 1 },
    }),
    resourcePolicy: members({
      containerPolicies: list(
        members({
          containerName: text,
          mode: choice("Auto", "Off"),
          minAllowed: amounts,
          maxAllowed: amounts,
          controlledResources: list(choice("cpu", "memory")),
          controlledValues: choice("RequestsAndLimits", "RequestsOnly"),
        }),
      ),
    }),
  },
  "targetRef",
);
const STATUS = members({
  recommendation: members({
    containerRecommendations: list(
      members(
        { containerName: text, target: amounts, lowerBound: amounts, upperBound: amounts, uncappedTarget: amounts },
        "target",
      ),
    ),
  }),
  conditions: list(
    members(
      {
        type: text,
        status: text,
        lastTransitionTime: { type: "string", format: "date-time" },
        reason: text,
        message: text,
      },
      "type",
      "status",
    ),
  ),
});

const column = (name: string, jsonPath: string, type = "string") => ({ name, jsonPath, type });

/** A definition of the autoscaler's group. */
export function verticalCrd(
  kind: string,
  shortName: string,
  version: CustomResourceDefinitionVersion,
): CustomResourceDefinition {
  const singular = kind.toLowerCase();
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${singular}s.autoscaling.k8s.io`,
      annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes/kubernetes/pull/63797" },
    },
    spec: {
      group: "autoscaling.k8s.io",
      scope: "Namespaced",
      names: { kind, listKind: `${kind}List`, plural: `${singular}s`, singular, shortNames: [shortName] },
      versions: [version],
    },
  };
}

export const VERTICAL_CRD: CustomResourceDefinition = verticalCrd(VERTICAL_KIND, "vpa", {
  name: "v1",
  served: true,
  storage: true,
  subresources: { status: {} },
  schema: { openAPIV3Schema: members({ spec: SPEC, status: STATUS }, "spec") },
  additionalPrinterColumns: [
    column("Mode", ".spec.updatePolicy.updateMode"),
    column("CPU", ".status.recommendation.containerRecommendations[0].target.cpu"),
    column("Mem", ".status.recommendation.containerRecommendations[0].target.memory"),
    column("Provided", ".status.conditions[?(@.type=='RecommendationProvided')].status"),
    column("Age", ".metadata.creationTimestamp", "date"),
  ],
});
