/**
 * Steps that every write passes before it is stored, after the kind's own rules: they may complete an object (admit) or refuse the
 * write (check). Kinds with rules about other kinds (quotas, service accounts, webhooks) put themselves in here.
 */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";

/** Who asks. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  /** The stored version of the kind. */
  readonly type: ResourceType;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  /** Empty while generateName has not made one. */
  readonly name: string;
  /** What will be stored; admit may change it. For CONNECT the subresource's own body; undefined for DELETE. */
  readonly object: KubeObject | undefined;
  readonly before: Stored<KubeObject> | undefined;
  readonly dryRun: boolean;
  readonly user: User;
  warn(message: string): void;
}

export interface AdmissionStep {
  readonly name: string;
  /** May change request.object. @throws StatusError to refuse */
  admit?(request: AdmissionRequest): void | Promise<void>;
  /** Looks at the object as it will be stored. @throws StatusError to refuse */
  check?(request: AdmissionRequest): void | Promise<void>;
}

/** Runs all admit steps in their order. */
export async function runAdmit(steps: readonly AdmissionStep[], request: AdmissionRequest): Promise<void> {
  for (const step of steps) await step.admit?.(request);
}

/** Runs all check steps in their order. */
export async function runChecks(steps: readonly AdmissionStep[], request: AdmissionRequest): Promise<void> {
  for (const step of steps) await step.check?.(request);
}
