/** Subresources that are streams: a pod's log, its processes, its ports. */
import type { Pod } from "../../model/kubernetes/core.ts";
import { NODES, PODS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { admitConnect } from "../machinery/admit-connect.ts";
import type { LocalClusterClient } from "../machinery/cluster-client.ts";
import type { Caller } from "../machinery/core.ts";
import type { NodeConnection } from "../node/contract.ts";
import { notFound, StatusError } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";
import { sendLog } from "./pod-log.ts";
import { servePortForward } from "./port-forward.ts";
import { serveProcess } from "./remote-process.ts";
import { isTrue, type RequestAttributes } from "./request-attributes.ts";
import { notAllowed } from "./resource-requests.ts";

const STREAMS = new Set(["log", "exec", "attach", "portforward"]);
/** The container that clients mean when they name none. */
const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

export class PodStreams {
  constructor(
    private readonly client: LocalClusterClient,
    private readonly nodeOf: (nodeName: string) => NodeConnection | undefined,
  ) {}

  /** False: this subresource is no stream. @throws StatusError */
  async serve(exchange: ApiExchange, attributes: RequestAttributes, caller: Caller): Promise<boolean> {
    const { group, resource, subresource, namespace, name } = attributes;
    if (group !== "" || resource !== "pods" || !STREAMS.has(subresource)) return false;
    const isUpgrade = exchange.upgradeProtocol !== undefined;
    if (exchange.method !== "GET" && !(exchange.method === "POST" && isUpgrade)) throw notAllowed();
    const pod = this.client.informer(PODS).get(namespace, name);
    if (pod === undefined) throw notFound("", "pods", name);
    if (subresource !== "log")
      await admitConnect(this.client.core, caller, PODS, pod, subresource, connectOptions(exchange, subresource));
    if (subresource === "portforward") {
      await servePortForward(exchange, pod, this.#connection(pod));
      return true;
    }
    const container = containerOf(pod, exchange.query.get("container") ?? "");
    if (subresource === "log") await sendLog(exchange, pod, container, this.#connection(pod));
    else await this.#process(exchange, pod, container, subresource);
    return true;
  }

  async #process(exchange: ApiExchange, pod: Stored<Pod>, container: string, subresource: string): Promise<void> {
    const { query } = exchange;
    const connection = this.#connection(pod);
    const flag = (name: string) => isTrue(query.get(name));
    const tty = flag("tty");
    const options = {
      container,
      stdin: flag("stdin"),
      stdout: flag("stdout"),
      // A terminal has one output.
      stderr: flag("stderr") && !tty,
      tty,
    };
    if (!options.stdin && !options.stdout && !options.stderr) {
      throw new StatusError("BadRequest", "you must specify at least 1 of stdin, stdout, stderr");
    }
    const command = query.getAll("command");
    if (subresource === "exec" && command.length === 0) {
      throw new StatusError("BadRequest", "you must specify at least one command for the container");
    }
    await serveProcess(exchange, options, () =>
      subresource === "exec" ? connection.exec(pod, command, options) : connection.attach(pod, options),
    );
  }

  #connection(pod: Stored<Pod>): NodeConnection {
    const { name } = pod.metadata;
    const nodeName = pod.spec?.nodeName ?? "";
    if (nodeName === "") throw new StatusError("BadRequest", `pod ${name} does not have a host assigned`);
    const connection = this.nodeOf(nodeName);
    if (connection !== undefined) return connection;
    if (this.client.informer(NODES).get(undefined, nodeName) === undefined) throw notFound("", "nodes", nodeName);
    throw new StatusError(
      "ServiceUnavailable",
      `the node ${nodeName} of pod ${name} cannot be reached from this server`,
    );
  }
}

/** What admission is shown of the connection (core/v1 PodExecOptions and its kin). */
function connectOptions({ query }: ApiExchange, subresource: string): Record<string, unknown> {
  const kind = { exec: "PodExecOptions", attach: "PodAttachOptions" }[subresource] ?? "PodPortForwardOptions";
  if (subresource === "portforward") return { kind, apiVersion: "v1", ports: query.getAll("ports").map(Number) };
  const flags = ["stdin", "stdout", "stderr", "tty"].filter((name) => isTrue(query.get(name)));
  return {
    kind,
    apiVersion: "v1",
    ...Object.fromEntries(flags.map((name) => [name, true])),
    container: query.get("container") ?? "",
    ...(subresource === "exec" ? { command: query.getAll("command") } : {}),
  };
}

/** @throws StatusError BadRequest in Kubernetes' words */
function containerOf({ metadata, spec }: Stored<Pod>, wished: string): string {
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? []), ...(spec?.ephemeralContainers ?? [])].map(
    ({ name }) => name,
  );
  if (wished !== "") {
    if (all.includes(wished)) return wished;
    throw new StatusError("BadRequest", `container ${wished} is not valid for pod ${metadata.name}`);
  }
  const usual = metadata.annotations?.[DEFAULT_CONTAINER];
  if (usual !== undefined && all.includes(usual)) return usual;
  const [only, ...others] = spec?.containers ?? [];
  if (only !== undefined && others.length === 0) return only.name;
  const list = (spec?.containers ?? []).map(({ name }) => name).join(" ");
  const init = (spec?.initContainers ?? []).map(({ name }) => name).join(" ");
  const more = init === "" ? "" : ` or one of the init containers: [${init}]`;
  throw new StatusError(
    "BadRequest",
    `a container name must be specified for pod ${metadata.name}, choose one of: [${list}]${more}`,
  );
}
