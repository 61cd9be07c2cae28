import { expect, test } from "bun:test";
import { compareVersions } from "../../../../src/kube/server/group-order.ts";
import { requestAttributes } from "../../../../src/kube/server/request-attributes.ts";

const plain = { group: "", version: "v1", namespace: "", resource: "", subresource: "", name: "", rest: "" };

test.each([
  ["GET", "/api/v1/namespaces", { verb: "list", resource: "namespaces" }],
  ["GET", "/api/v1/namespaces/a", { verb: "get", resource: "namespaces", name: "a", namespace: "a" }],
  [
    "PUT",
    "/api/v1/namespaces/a/finalize",
    { verb: "update", resource: "namespaces", name: "a", subresource: "finalize", namespace: "a" },
  ],
  [
    "GET",
    "/api/v1/namespaces/a/status",
    { verb: "get", resource: "namespaces", name: "a", subresource: "status", namespace: "a" },
  ],
  ["GET", "/api/v1/namespaces/a/pods", { verb: "list", resource: "pods", namespace: "a" }],
  ["GET", "/api/v1/namespaces/a/pods?watch=true", { verb: "watch", resource: "pods", namespace: "a" }],
  ["GET", "/api/v1/namespaces/a/pods?watch", { verb: "watch", resource: "pods", namespace: "a" }],
  ["GET", "/api/v1/namespaces/a/pods?watch=0", { verb: "list", resource: "pods", namespace: "a" }],
  ["GET", "/api/v1/watch/namespaces/a/pods/p", { verb: "watch", resource: "pods", namespace: "a", name: "p" }],
  ["POST", "/api/v1/namespaces/a/pods", { verb: "create", resource: "pods", namespace: "a" }],
  [
    "PATCH",
    "/api/v1/namespaces/a/pods/p/status",
    { verb: "patch", resource: "pods", namespace: "a", name: "p", subresource: "status" },
  ],
  ["DELETE", "/api/v1/namespaces/a/pods", { verb: "deletecollection", resource: "pods", namespace: "a" }],
  ["DELETE", "/api/v1/namespaces/a/pods/p", { verb: "delete", resource: "pods", namespace: "a", name: "p" }],
  ["GET", "/api/v1/nodes/n%20x", { verb: "get", resource: "nodes", name: "n x" }],
  [
    "GET",
    "/api/v1/namespaces/a/services/http:web:80/proxy/x/y%20z/",
    { verb: "get", resource: "services", namespace: "a", name: "http:web:80", subresource: "proxy", rest: "/x/y%20z/" },
  ],
])("%s %s", (method, url, expected) => {
  const { pathname, search, searchParams } = new URL(`http://x${url}`);
  expect(search.length >= 0).toBe(true);
  expect(requestAttributes(method, pathname, searchParams)).toEqual({
    ...plain,
    isResource: true,
    path: pathname,
    ...expected,
  });
});

test.each(["/", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/version", "/openapi/v3/apis/apps/v1"])(
  "%s is no resource",
  (path) => {
    expect(requestAttributes("GET", path, new URLSearchParams())).toMatchObject({
      isResource: false,
      verb: "get",
      path,
    });
  },
);

test("versions are told newest and most stable first, other names last", () => {
  const names = ["v1alpha1", "foo1", "v2", "v1beta1", "v10", "v11beta2", "v1", "bar"];
  expect(names.sort(compareVersions)).toEqual(["v10", "v2", "v1", "v11beta2", "v1beta1", "v1alpha1", "bar", "foo1"]);
});
