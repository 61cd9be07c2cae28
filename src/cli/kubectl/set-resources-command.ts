import { CliError } from "../cli-error.ts";
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
    const wanted = { limits: quantities(flags.limits), requests: quantities(flags.requests) };
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

type Quantities = Readonly<Record<string, string>>;
const QUANTITY = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[numkKMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/;

/** "cpu=100m,memory=256Mi". @throws CliError */
function quantities(text: string): Quantities {
  if (text === "") return {};
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name = "", value, ...more] = pair.split("=");
      if (value === undefined || more.length > 0)
        throw new CliError(`error: Invalid argument syntax ${pair}, expected <resource>=<value>`);
      if (!QUANTITY.test(value)) {
        throw new CliError(
          "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        );
      }
      return [name, value];
    }),
  );
}

function setResources(
  spec: SpecOfPods,
  pattern: string,
  { limits, requests }: { limits: Quantities; requests: Quantities },
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
