/**
 * A small API server to be aggregated, as people write them: it serves "flunders" (wardle.example.com/v1alpha1), knows its callers by
 * the headers that the aggregator vouches for, and asks the cluster what they may do.
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type net from "node:net";
import tls, { type TLSSocket } from "node:tls";
import type { TestClusterDaemon } from "./cluster.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object is kept
type Json = any;

export const GROUP = "wardle.example.com";
const VERSION = "v1alpha1";
const API_VERSION = `${GROUP}/${VERSION}`;
const VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"];

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly authorization: string | undefined;
}

interface Options {
  readonly cert: string;
  readonly key: string;
  readonly cluster: TestClusterDaemon;
}

export class AggregatedServer {
  readonly seen: SeenRequest[] = [];
  readonly #flunders = new Map<string, Json>();
  readonly #watchers = new Set<(event: Json) => void>();
  readonly #sockets = new Set<TLSSocket>();
  readonly #http = http.createServer((request, response) => void this.#serve(request, response));
  #tls: tls.Server | undefined;
  #revision = 100;
  #allowedNames: string[] = [];

  private constructor(private readonly options: Options) {}

  static async start(options: Options): Promise<AggregatedServer> {
    const server = new AggregatedServer(options);
    const path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
    const { data } = (await options.cluster.api("GET", path)).body;
    server.#allowedNames = JSON.parse(data["requestheader-allowed-names"]);
    const ca = data["requestheader-client-ca-file"];
    const { cert, key } = options;
    // Whoever has no certificate of the front proxy's authority does not get in at all.
    server.#tls = tls.createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, (socket) => {
      server.#sockets.add(socket);
      socket.once("close", () => server.#sockets.delete(socket));
      server.#http.emit("connection", socket);
    });
    await new Promise<void>((resolve) => server.#tls!.listen(0, "0.0.0.0", resolve));
    return server;
  }

  get port(): number {
    return (this.#tls!.address() as net.AddressInfo).port;
  }

  stop(): void {
    this.#tls?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers, rawHeaders } = request;
    const [subject = ""] = [(request.socket as TLSSocket).getPeerCertificate().subject?.CN].flat();
    const groups = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === "x-remote-group");
    const user = String(headers["x-remote-user"] ?? "");
    this.seen.push({ method, url, user, groups, authorization: headers.authorization });
    const send = (status: number, body: object) => {
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (!this.#allowedNames.includes(subject))
      return send(401, failure(401, "Unauthorized", `${subject} is no front proxy`));
    const { pathname, searchParams } = new URL(url, "https://x");
    const document = DOCUMENTS[pathname];
    if (document !== undefined) return send(200, document);
    const match = /^\/apis\/wardle\.example\.com\/v1alpha1(?:\/namespaces\/([^/]+))?\/flunders(?:\/([^/]+))?$/.exec(
      pathname,
    );
    if (match === null) return send(404, failure(404, "NotFound", "the server could not find the requested resource"));
    const [, namespace = "", name = ""] = match;
    const isWatch = searchParams.get("watch") !== null;
    const verb = verbOf(method, name, isWatch);
    if (!(await this.#mayDo(user, groups, { verb, namespace, name }))) {
      return send(403, failure(403, "Forbidden", `flunders.${GROUP} is forbidden: User "${user}" cannot ${verb}`));
    }
    if (isWatch) return this.#watch(response);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
    const [status, answer] = this.#act(verb, namespace, name, body);
    send(status, answer);
  }

  async #mayDo(user: string, groups: readonly string[], access: { verb: string; namespace: string; name: string }) {
    const resourceAttributes = { group: GROUP, version: VERSION, resource: "flunders", ...access };
    const review = await this.options.cluster.api("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user, groups, resourceAttributes },
    });
    return review.body.status.allowed === true;
  }

  #act(verb: string, namespace: string, name: string, body: Json): [number, object] {
    const key = `${namespace}/${name}`;
    const known = this.#flunders.get(key);
    if (verb === "list") {
      const items = [...this.#flunders.values()].filter(
        ({ metadata }) => namespace === "" || metadata.namespace === namespace,
      );
      const metadata = { resourceVersion: String(this.#revision) };
      return [200, { kind: "FlunderList", apiVersion: API_VERSION, metadata, items }];
    }
    if (verb === "create") {
      const creationTimestamp = "2026-01-01T00:00:00Z";
      const metadata = { uid: crypto.randomUUID(), creationTimestamp, ...body.metadata, namespace };
      return [201, this.#put(`${namespace}/${metadata.name}`, { ...body, metadata }, "ADDED")];
    }
    if (known === undefined) {
      return [404, failure(404, "NotFound", `flunders.${GROUP} "${name}" not found`)];
    }
    if (verb === "get") return [200, known];
    if (verb === "delete") {
      this.#flunders.delete(key);
      this.#tell("DELETED", known);
      return [200, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" }];
    }
    const metadata = { ...known.metadata, ...body.metadata };
    return [200, this.#put(key, { ...known, ...body, metadata }, "MODIFIED")];
  }

  #put(key: string, object: Json, type: string): Json {
    object.metadata.resourceVersion = String(++this.#revision);
    this.#flunders.set(key, object);
    this.#tell(type, object);
    return object;
  }

  #tell(type: string, object: Json): void {
    for (const watcher of this.#watchers) watcher({ type, object });
  }

  #watch(response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.flushHeaders();
    const watcher = (event: Json) => response.write(`${JSON.stringify(event)}\n`);
    this.#watchers.add(watcher);
    response.once("close", () => this.#watchers.delete(watcher));
  }
}

function verbOf(method: string, name: string, isWatch: boolean): string {
  if (method === "GET") return isWatch ? "watch" : name === "" ? "list" : "get";
  return { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" }[method] ?? method.toLowerCase();
}

function failure(code: number, reason: string, message: string) {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
}

const flunder = {
  type: "object",
  properties: {
    apiVersion: { type: "string" },
    kind: { type: "string" },
    metadata: { type: "object" },
    spec: { type: "object", properties: { reference: { type: "string", description: "What the flunder refers to." } } },
  },
  "x-kubernetes-group-version-kind": [{ group: GROUP, version: VERSION, kind: "Flunder" }],
};
const PATH = `/apis/${API_VERSION}/namespaces/{namespace}/flunders`;
const operation = (verb: string) => ({
  "x-kubernetes-action": verb,
  "x-kubernetes-group-version-kind": { group: GROUP, version: VERSION, kind: "Flunder" },
  responses: { 200: { description: "OK" } },
});
const info = { title: "wardle", version: VERSION };
const DOCUMENTS: Record<string, object> = {
  [`/apis/${API_VERSION}`]: {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: API_VERSION,
    resources: [
      {
        name: "flunders",
        singularName: "flunder",
        namespaced: true,
        kind: "Flunder",
        verbs: VERBS,
        shortNames: ["fl"],
      },
      { name: "flunders/status", singularName: "", namespaced: true, kind: "Flunder", verbs: ["get", "patch"] },
    ],
  },
  "/openapi/v2": {
    swagger: "2.0",
    info,
    paths: { [PATH]: { get: operation("list"), post: operation("post") } },
    definitions: { "com.example.wardle.v1alpha1.Flunder": flunder },
  },
  [`/openapi/v3/apis/${API_VERSION}`]: {
    openapi: "3.0.0",
    info,
    paths: { [PATH]: { get: operation("list"), post: operation("post") } },
    components: { schemas: { "com.example.wardle.v1alpha1.Flunder": flunder } },
  },
};
