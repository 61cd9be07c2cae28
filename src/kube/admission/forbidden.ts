/** How admission refuses: 403 with the object's name before the reason. */

import type { AdmissionRequest } from "../machinery/admission.ts";
import { qualifiedResource } from "../machinery/definition.ts";
import { StatusError } from "../status.ts";

/** `pods "web" is forbidden: …` */
export function forbidden({ type, name, object }: AdmissionRequest, why: string): StatusError {
  const called = name === "" ? (object?.metadata.generateName ?? "") : name;
  const message = `${qualifiedResource(type)} "${called}" is forbidden: ${why}`;
  return new StatusError("Forbidden", message, { name: called, group: type.group, kind: type.resource });
}

/** True for a write of an object of that kind itself. */
export function isWriteOf(
  { type, operation, subresource }: AdmissionRequest,
  resource: { group: string; resource: string },
  ...operations: AdmissionRequest["operation"][]
): boolean {
  return (
    subresource === undefined &&
    type.group === resource.group &&
    type.resource === resource.resource &&
    operations.includes(operation)
  );
}
