/** pods/NAME/proxy and services/NAME/proxy: HTTP through the API server to a pod, or to one behind a service. */

import { errorText } from "../../lib/errors.ts";
import type { Pod, Service } from "../../model/kubernetes/core.ts";
import { PODS, SERVICES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { hostAndPort, readyEndpoint } from "../service-place.ts";
import { notFound, StatusError } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";
import type { RequestAttributes } from "./request-attributes.ts";

/** Of one connection only (RFC 9110, 7.6.1), or ours. */
const NOT_PASSED_ON = new Set([
  "authorization",
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** "https:web:8443" */
interface Target {
  scheme: "http" | "https";
  name: string;
  port: string;
}

export class HttpProxy {
  constructor(private readonly client: ClusterClient) {}

  /** False: this is no proxied request. @throws StatusError NotFound, BadRequest, ServiceUnavailable */
  async serve(exchange: ApiExchange, attributes: RequestAttributes): Promise<boolean> {
    const { group, resource, subresource, namespace, name, rest } = attributes;
    if (group !== "" || subresource !== "proxy" || (resource !== "pods" && resource !== "services")) return false;
    if (exchange.upgradeProtocol !== undefined) {
      throw new StatusError("BadRequest", "naru's proxy passes no upgrades on: use port-forward");
    }
    const target = parseTarget(name);
    const place = resource === "pods" ? this.#podPlace(namespace, target) : this.#servicePlace(namespace, target);
    const search = (exchange.request.url ?? "").split("?", 2)[1];
    const path = rest === "" ? "/" : rest;
    await pass(exchange, `${target.scheme}://${place}${path}${search === undefined ? "" : `?${search}`}`);
    return true;
  }

  #podPlace(namespace: string, { name, port }: Target): string {
    const pod: Stored<Pod> | undefined = this.client.informer(PODS).get(namespace, name);
    if (pod === undefined) throw notFound("", "pods", name);
    const ip = pod.status?.podIP;
    if (ip === undefined) throw new StatusError("BadRequest", `address not allowed: pod ${name} has no address yet`);
    const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
    const named = ports.find((one) => one.name === port)?.containerPort;
    return hostPort(ip, port === "" ? (ports[0]?.containerPort ?? 80) : (named ?? Number(port)));
  }

  #servicePlace(namespace: string, { name, port }: Target): string {
    const service: Stored<Service> | undefined = this.client.informer(SERVICES).get(namespace, name);
    if (service === undefined) throw notFound("", "services", name);
    const ports = service.spec?.ports ?? [];
    const wanted =
      port === "" && ports.length === 1
        ? ports[0]
        : ports.find((one) => one.name === port || String(one.port) === port);
    if (wanted === undefined) {
      throw new StatusError(
        "ServiceUnavailable",
        `no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`,
      );
    }
    const chosen = readyEndpoint(this.client, namespace, name, wanted.name);
    if (chosen !== undefined) return hostPort(chosen.ip, chosen.port);
    throw new StatusError("ServiceUnavailable", `no endpoints available for service ${JSON.stringify(name)}`);
  }
}

/** "web", "web:80", "https:web:8443", "https:web:" @throws StatusError BadRequest */
function parseTarget(text: string): Target {
  const parts = text.split(":");
  const [first = "", second = "", third = ""] = parts;
  if (parts.length <= 2) return { scheme: "http", name: first, port: second };
  if (parts.length === 3 && (first === "http" || first === "https" || first === "")) {
    return { scheme: first === "https" ? "https" : "http", name: second, port: third };
  }
  throw new StatusError(
    "BadRequest",
    `invalid name of a proxied target ${JSON.stringify(text)}: write [SCHEME:]NAME[:PORT]`,
  );
}

function hostPort(ip: string, port: number): string {
  if (!(port > 0 && port < 65536)) throw new StatusError("BadRequest", "invalid port of a proxied target");
  return hostAndPort(ip, port);
}

async function pass(exchange: ApiExchange, url: string): Promise<void> {
  const { method, request, signal } = exchange;
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !NOT_PASSED_ON.has(name)) headers.set(name, String(value));
  }
  const body = method === "GET" || method === "HEAD" ? undefined : new Uint8Array(await exchange.body());
  let answer: Response;
  try {
    // What is behind it has any certificate, or none that we know.
    const tls = { rejectUnauthorized: false };
    answer = await fetch(url, {
      method,
      headers,
      body,
      signal,
      redirect: "manual",
      decompress: false,
      tls,
    } as RequestInit);
  } catch (error) {
    throw new StatusError("ServiceUnavailable", `error trying to reach service: ${errorText(error)}`);
  }
  const passed: Record<string, string> = {};
  for (const [name, value] of answer.headers) if (!NOT_PASSED_ON.has(name)) passed[name] = value;
  exchange.start(answer.status, passed);
  for await (const chunk of answer.body ?? []) await exchange.write(chunk);
  exchange.end();
}
