/** Who makes a request, and the names that everybody belongs to. */
import type { User } from "../machinery/admission.ts";

export type { User } from "../machinery/admission.ts";

export const AUTHENTICATED = "system:authenticated";

export const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };
