/** Admission of connections to an object (exec, attach, port-forward): nothing is stored, but steps may refuse. */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import { type AdmissionRequest, runAdmit, runChecks } from "./admission.ts";
import type { Caller, Core } from "./core.ts";

/**
 * @param options what the client asks of the connection, with kind and apiVersion (PodExecOptions …)
 * @throws StatusError when a step refuses
 */
export async function admitConnect(
  core: Core,
  caller: Caller,
  type: ResourceType,
  object: Stored<KubeObject>,
  subresource: string,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const request: AdmissionRequest = {
    operation: "CONNECT",
    type,
    subresource,
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    object: options as unknown as KubeObject,
    before: undefined,
    dryRun: false,
    user: caller.user,
    warn() {},
  };
  await runAdmit(core.admission, request);
  await runChecks(core.admission, request);
}
