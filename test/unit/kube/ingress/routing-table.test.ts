/** Which backend a host and path go to. */
import { expect, test } from "bun:test";
import { hostName, RoutingTable } from "../../../../src/kube/ingress/routing-table.ts";
import type { HTTPIngressPath, Ingress } from "../../../../src/model/kubernetes/networking.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";

const backend = (name: string) => ({ service: { name, port: { number: 80 } } });
const path = (pathType: string, at: string | undefined, name: string): HTTPIngressPath => ({
  path: at,
  pathType,
  backend: backend(name),
});
const ingress = (name: string, spec: Ingress["spec"], created = "2026-01-01T00:00:00Z"): Stored<Ingress> => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name, namespace: "shop", uid: name, resourceVersion: "1", creationTimestamp: created },
  spec,
});
const found = (table: RoutingTable, host: string, at: string) => table.find(host, at)?.service;

const PATHS = new RoutingTable([
  ingress("paths", {
    rules: [
      {
        host: "web.example",
        http: {
          paths: [
            path("Prefix", "/api", "api"),
            path("Prefix", "/api/v1/", "v1"),
            path("Exact", "/api/v1", "exact"),
            path("ImplementationSpecific", "/old", "old"),
            path("Exact", "/slash/", "slash"),
          ],
        },
      },
    ],
  }),
]);

test.each([
  ["/api", "api"],
  ["/api/", "api"],
  ["/api/x", "api"],
  ["/apis", undefined],
  ["/API", undefined],
  ["/api/v1", "exact"],
  ["/api/v1/", "v1"],
  ["/api/v1/pods", "v1"],
  ["/api/v12", "api"],
  ["/old/page", "old"],
  ["/slash", undefined],
  ["/slash/", "slash"],
  ["/", undefined],
])("path %s goes to %s", (at, service) => {
  expect(found(PATHS, "web.example", at)).toBe(service as string);
});

const HOSTS = new RoutingTable([
  ingress("hosts", {
    defaultBackend: backend("otherwise"),
    rules: [
      { host: "*.example", http: { paths: [path("Prefix", "/", "wild")] } },
      { host: "web.example", http: { paths: [path("Prefix", "/", "web")] } },
      { host: "bare.test" },
      { http: { paths: [path("Prefix", "/any", "any")] } },
    ],
  }),
]);

test.each([
  ["web.example", "/", "web"],
  ["WEB.Example", "/", "web"],
  ["other.example", "/", "wild"],
  ["a.b.example", "/", "otherwise"],
  ["example", "/", "otherwise"],
  ["bare.test", "/any", "otherwise"],
  ["nobody.test", "/any/x", "any"],
  ["", "/anything", "otherwise"],
])("host %s with %s goes to %s", (host, at, service) => {
  expect(found(HOSTS, host, at)).toBe(service);
});

test("of two ingresses with the same rule the older one has it", () => {
  const rules = (name: string) => [{ host: "web.example", http: { paths: [path("Prefix", "/", name)] } }];
  const younger = ingress("a", { rules: rules("younger"), defaultBackend: backend("b") }, "2026-02-01T00:00:00Z");
  const older = ingress("b", { rules: rules("older") });
  expect(found(new RoutingTable([younger, older]), "web.example", "/")).toBe("older");
  expect(found(new RoutingTable([younger, older]), "x", "/")).toBe("b");
});

test("backends that are no services are not served", () => {
  const resource = { apiGroup: "example.com", kind: "Bucket", name: "static" };
  const table = new RoutingTable([ingress("r", { defaultBackend: { resource } })]);
  expect(table.find("x", "/")).toBeUndefined();
});

test.each([
  ["web.example:8080", "web.example"],
  ["web.example", "web.example"],
  ["[::1]:80", "[::1]"],
  ["", ""],
])("the host in %s is %s", (header, host) => {
  expect(hostName(header)).toBe(host);
});
