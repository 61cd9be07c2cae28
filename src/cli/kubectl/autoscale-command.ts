import { CliError } from "../cli-error.ts";
import { bool, int, string, strings } from "../flag-types.ts";
import { NOTHING_NAMED } from "./chosen-objects.ts";
import { createObject } from "./create-object.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { onEach } from "./failures.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, objectPath } from "./resource-arguments.ts";
import { groupVersion } from "./resource-types.ts";
import { dryRun } from "./write-flags.ts";

export const command = defineKubectlCommand({
  usage: "(-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu=CPU] [--memory=MEMORY] [options]",
  summary: "Let the cluster choose how many pods a workload has",
  flags: {
    ...PRINT_FLAGS,
    cpu: string("CPU that each pod is to use: a share of its request (70%), or an amount (500m)"),
    "cpu-percent": int("", {
      initial: -1,
      deprecated:
        "Use --cpu with percentage or resource quantity format (e.g., '70%' for utilization or '500m' for milliCPU).",
    }),
    "dry-run": dryRun(),
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-autoscale" }),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    max: int("The most pods that there may be", { initial: -1 }),
    memory: string("Memory that each pod is to use: a share of its request (60%), or an amount (100Mi)"),
    min: int("The fewest pods that there may be; negative: as the server likes", { initial: -1 }),
    name: string("The name of the autoscaler (default: that of the object)"),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    "save-config": bool("Keep the object's text in an annotation, for later use of apply"),
  },
  async run({ flags, args, context, given }) {
    if (!given("max")) throw new CliError('error: required flag(s) "max" not set');
    if (flags.max < 1) {
      throw new CliError(`error: --max=MAXPODS is required and must be at least 1, max: ${flags.max}`);
    }
    if (flags.max < flags.min) {
      throw new CliError(
        `error: --max=MAXPODS must be larger or equal to --min=MINPODS, max: ${flags.max}, min: ${flags.min}`,
      );
    }
    const { objects } = await namedObjects(context, args, flags);
    if (objects.length === 0) throw new CliError(NOTHING_NAMED);
    const api = await context.api();
    const type = (await context.types()).ofKind("autoscaling/v2", "HorizontalPodAutoscaler");
    const cpu = flags.cpu || (flags["cpu-percent"] >= 0 ? `${flags["cpu-percent"]}%` : "");
    const metrics = [...metricOf("cpu", cpu), ...metricOf("memory", flags.memory)];
    await onEach(objects, async (target) => {
      await api.get(objectPath(target));
      if (!target.type.subresources.includes("scale")) {
        const { group, version, resource, kind } = target.type;
        throw new CliError(
          `error: cannot autoscale a ${kind}: could not find scale subresource for ${group}/${version}, Resource=${resource} in discovery information`,
        );
      }
      const autoscaler = {
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: {
          name: flags.name || target.name,
          ...(context.namespaceGiven ? { namespace: target.namespace! } : {}),
        },
        spec: {
          maxReplicas: flags.max,
          ...(metrics.length === 0 ? {} : { metrics }),
          ...(flags.min > 0 ? { minReplicas: flags.min } : {}),
          scaleTargetRef: { apiVersion: groupVersion(target.type), kind: target.type.kind, name: target.name },
        },
        status: { currentMetrics: null, desiredReplicas: 0 },
      };
      await createObject(context, flags, type, target.namespace, autoscaler, { verb: "autoscaled" });
    });
  },
});

const QUANTITY = /^\d+(?:\.\d+)?(?:[numkKMGTPE]|[KMGTPE]i)?$/;

function metricOf(name: string, wanted: string) {
  if (wanted === "") return [];
  const share = /^(\d+)%$/.exec(wanted);
  if (share === null && !QUANTITY.test(wanted)) throw new CliError(`error: invalid resource ${name} value: ${wanted}`);
  const target =
    share === null
      ? { averageValue: wanted, type: "AverageValue" }
      : { averageUtilization: Number(share[1]), type: "Utilization" };
  return [{ resource: { name, target }, type: "Resource" }];
}
