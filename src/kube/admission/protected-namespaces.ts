/** The namespaces without which there is no cluster cannot be deleted. */

import { NAMESPACES } from "../../model/kubernetes/names.ts";
import type { AdmissionStep } from "../machinery/admission.ts";
import { forbidden, isWriteOf } from "./forbidden.ts";

const PROTECTED = new Set(["default", "kube-system", "kube-public"]);

export const protectedNamespaces: AdmissionStep = {
  name: "NamespaceLifecycle",
  check(request) {
    if (!isWriteOf(request, NAMESPACES, "DELETE") || !PROTECTED.has(request.name)) return;
    throw forbidden(request, "this namespace may not be deleted");
  },
};
