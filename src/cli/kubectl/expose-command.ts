import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { NOTHING_NAMED } from "./chosen-objects.ts";
import { createObject } from "./create-object.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { onEach } from "./failures.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { OVERRIDE_FLAGS, withOverrides } from "./overrides.ts";
import { namedObjects, objectPath } from "./resource-arguments.ts";
import { type PodTemplateHolder, selectorPairs } from "./workload-kinds.ts";
import { dryRun } from "./write-flags.ts";

/** Kinds that have pods, or lead to some. */
const EXPOSED = ["Deployment", "Pod", "ReplicaSet", "ReplicationController", "Service"];

export const command = defineKubectlCommand({
  usage:
    "(-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service] [--type=type] [options]",
  summary: "Make a service for pods that are there",
  flags: {
    ...PRINT_FLAGS,
    "cluster-ip": string('Its address in the cluster; "None" for none'),
    "dry-run": dryRun(),
    "external-ip": string("Another address that leads to it"),
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-expose" }),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    labels: string("Labels of the service (default: those of the object)", { short: "l" }),
    "load-balancer-ip": string("The address of the load balancer"),
    name: string("The service's name (default: the object's)"),
    ...OVERRIDE_FLAGS,
    port: string("Ports of the service, divided by commas (default: those of the object)"),
    protocol: string("TCP (default), UDP or SCTP"),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    "save-config": bool("Keep the object's text in an annotation, for later use of apply"),
    selector: string("Labels of the pods, as a=b,c=d (default: those of the object)"),
    "session-affinity": string("None or ClientIP"),
    "target-port": string("Port of the containers, by number or name (default: that of the service)"),
    type: string("ClusterIP (default), NodePort, LoadBalancer"),
  },
  async run({ flags, args, context }) {
    // --selector tells what the service chooses.
    const { objects, types } = await namedObjects(context, args, { ...flags, selector: "" });
    if (types.length > 0) throw new CliError("error: resource(s) were provided, but no name was specified");
    if (objects.length === 0) throw new CliError(NOTHING_NAMED);
    const api = await context.api();
    const service = (await context.types()).ofKind("v1", "Service");
    await onEach(objects, async (target) => {
      const object = await api.get<PodTemplateHolder & { kind: string }>(objectPath(target));
      const wanted = serviceFor(object, target.name, flags);
      await createObject(context, flags, service, target.namespace, wanted, { verb: "exposed" });
    });
  },
});

interface Flags {
  readonly [name: string]: unknown;
  readonly "cluster-ip": string;
  readonly "external-ip": string;
  readonly labels: string;
  readonly "load-balancer-ip": string;
  readonly name: string;
  readonly overrides: string;
  readonly "override-type": string;
  readonly port: string;
  readonly protocol: string;
  readonly selector: string;
  readonly "session-affinity": string;
  readonly "target-port": string;
  readonly type: string;
}

function serviceFor(object: PodTemplateHolder & { kind: string }, objectName: string, flags: Flags) {
  if (!EXPOSED.includes(object.kind)) throw new CliError(`error: cannot expose a ${object.kind}`);
  const labels = flags.labels === "" ? object.metadata.labels : pairsOf(flags.labels, "labels");
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: flags.name || objectName.slice(0, 63), ...(labels === undefined ? {} : { labels }) },
    spec: {
      ports: portsOf(object, flags),
      selector: flags.selector === "" ? podLabels(object) : pairsOf(flags.selector, "selector"),
      ...(flags.type === "" ? {} : { type: flags.type }),
      ...(flags["cluster-ip"] === "" ? {} : { clusterIP: flags["cluster-ip"] }),
      ...(flags["external-ip"] === "" ? {} : { externalIPs: [flags["external-ip"]] }),
      ...(flags["load-balancer-ip"] === "" ? {} : { loadBalancerIP: flags["load-balancer-ip"] }),
      ...(flags["session-affinity"] === "" ? {} : { sessionAffinity: flags["session-affinity"] }),
    },
    status: { loadBalancer: {} },
  };
  return withOverrides(service, flags);
}

function pairsOf(text: string, what: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const equals = pair.indexOf("=");
      if (equals < 1) throw new CliError(`error: unexpected ${what} spec: ${pair}, expected key=value`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** What the new service's pods are called. */
function podLabels(object: PodTemplateHolder & { kind: string }): Record<string, string> {
  const pairs = object.kind === "Pod" ? (object.metadata.labels ?? {}) : selectorPairs(object);
  if (Object.keys(pairs).length > 0) return pairs;
  const why = object.kind === "Pod" ? "the pod has no labels and cannot be exposed" : "the object has no selector";
  throw new CliError(`error: couldn't retrieve selectors via --selector flag or introspection: ${why}`);
}

function portsOf(object: PodTemplateHolder & { kind: string }, flags: Flags) {
  const known = knownPorts(object);
  const wanted = flags.port === "" ? known.map(({ port }) => String(port)) : flags.port.split(",");
  if (wanted.length === 0 && flags["cluster-ip"] !== "None") {
    throw new CliError("error: couldn't find port via --port flag or introspection");
  }
  const target = flags["target-port"];
  return wanted.map((text, at) => {
    if (!/^\d+$/.test(text)) throw new CliError(`error: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    const port = Number(text);
    const protocol = flags.protocol || known.find((one) => one.port === port)?.protocol || "TCP";
    return {
      ...(wanted.length > 1 ? { name: `port-${at + 1}` } : {}),
      port,
      protocol,
      targetPort: target === "" ? port : /^\d+$/.test(target) ? Number(target) : target,
    };
  });
}

function knownPorts(object: PodTemplateHolder & { kind: string }): { port: number; protocol: string }[] {
  if (object.kind === "Service") {
    const ports = (object.spec as { ports?: { port: number; protocol?: string }[] } | undefined)?.ports ?? [];
    return ports.map(({ port, protocol = "TCP" }) => ({ port, protocol }));
  }
  const spec =
    object.kind === "Pod" ? (object.spec as PodTemplateHolder["spec"] & object) : object.spec?.template?.spec;
  const containers =
    (spec as { containers?: { ports?: { containerPort: number; protocol?: string }[] }[] })?.containers ?? [];
  return containers.flatMap(({ ports = [] }) =>
    ports.map(({ containerPort, protocol = "TCP" }) => ({ port: containerPort, protocol })),
  );
}
