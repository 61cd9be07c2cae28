import { string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import {
  changeObjects,
  choiceComplaints,
  containersNamed,
  ofPodSpec,
  SET_FLAGS,
  type SpecOfPods,
  throwComplaints,
} from "./pod-spec-change.ts";
import { type QuantityPairs, quantityPairs } from "./quantity-pairs.ts";

export const command = defineKubectlCommand({
  usage: "(-f FILENAME | TYPE NAME)  ([--limits=LIMITS & --requests=REQUESTS] [options]",
  summary: "Change what pods may use of CPU and memory",
  flags: {
    ...SET_FLAGS,
    containers: string("Containers that are meant; * stands for any letters", { short: "c", initial: "*" }),
    limits: string("The most that they may use, such as cpu=100m,memory=256Mi"),
    requests: string("What they are sure of, such as cpu=100m,memory=256Mi"),
  },
  async run({ flags, args, context }) {
    const wanted = { limits: quantityPairs(flags.limits), requests: quantityPairs(flags.requests) };
    await changeObjects(context, args, flags, {
      change: ofPodSpec((spec) => setResources(spec, flags.containers, wanted)),
      verb: "resource requirements updated",
      what: "resources update to pod template",
      check() {
        const complaints = choiceComplaints(flags, args);
        if (flags.limits === "" && flags.requests === "") {
          complaints.push("you must specify an update to requests or limits (in the form of --requests/--limits)");
        }
        throwComplaints(complaints);
      },
    });
  },
});

function setResources(
  spec: SpecOfPods,
  pattern: string,
  { limits, requests }: { limits: QuantityPairs; requests: QuantityPairs },
): string[] {
  const meant = containersNamed(spec, pattern);
  for (const container of meant) {
    const known = container.resources ?? {};
    container.resources = {
      ...known,
      ...(Object.keys(limits).length > 0 ? { limits: { ...known.limits, ...limits } } : {}),
      ...(Object.keys(requests).length > 0 ? { requests: { ...known.requests, ...requests } } : {}),
    };
  }
  return meant.length === 0 ? [`error: unable to find container named ${pattern}`] : [];
}
