/** A pod stays on a node that is not ready or out of reach for five minutes, unless it says otherwise. */

import type { Pod } from "../../model/kubernetes/core.ts";
import { PODS } from "../../model/kubernetes/names.ts";
import type { AdmissionStep } from "../machinery/admission.ts";
import { isWriteOf } from "./forbidden.ts";

const KEYS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const STAY_SECONDS = 300;

export const podTolerations: AdmissionStep = {
  name: "DefaultTolerationSeconds",
  admit(request) {
    if (!isWriteOf(request, PODS, "CREATE")) return;
    const spec = (request.object as Pod).spec;
    if (spec === undefined) return;
    const present = spec.tolerations ?? [];
    const missing = KEYS.filter(
      (key) => !present.some((one) => (one.key === key || !one.key) && (!one.effect || one.effect === "NoExecute")),
    );
    if (missing.length === 0) return;
    const added = missing.map((key) => ({
      key,
      operator: "Exists",
      effect: "NoExecute",
      tolerationSeconds: STAY_SECONDS,
    }));
    spec.tolerations = [...present, ...added];
  },
};
