import { expect, test } from "bun:test";
import { parseJsonPath, relaxedPath } from "../../../../src/cli/kubectl/json-path.ts";

const DATA = {
  kind: "List",
  items: [
    {
      kind: "None",
      metadata: { name: "127.0.0.1", labels: { "kubernetes.io/hostname": "one" } },
      status: { capacity: { cpu: "4" }, ready: true },
    },
    { kind: "None", metadata: { name: "127.0.0.2" }, status: { capacity: { cpu: "8" }, ready: false, count: 3 } },
  ],
  users: [
    { name: "myself", user: {} },
    { name: "e2e", user: { username: "admin", password: "secret" } },
  ],
};

test.each<[string, string]>([
  ["kind is {.kind}", "kind is List"],
  ["{['kind']}", "List"],
  ["{.users[0].name}", "myself"],
  ["{.users[-1].name}", "e2e"],
  ["{..name}", "127.0.0.1 127.0.0.2 myself e2e"],
  ["{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"],
  ["{.items[*]['metadata.name', 'status.capacity']}", '127.0.0.1 {"cpu":"4"} 127.0.0.2 {"cpu":"8"}'],
  ["{.items[0].metadata.labels['kubernetes\\.io/hostname']}", "one"],
  ["{.items[*]['kind','metadata'].name}", "127.0.0.1 127.0.0.2"],
  ['{.users[?(@.name=="e2e")].user.password}', "secret"],
  ["{.items[?(@.status.ready==true)].metadata.name}", "127.0.0.1"],
  ["{.items[?(@.status.count>2)].metadata.name}", "127.0.0.2"],
  ["{.items[?(@.status.count)].metadata.name}", "127.0.0.2"],
  ["{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}", "[127.0.0.1, 4] [127.0.0.2, 8] "],
  ['{range .items[*]}{.metadata.name}{"\\t"}{"\\n"}{end}', "127.0.0.1\t\n127.0.0.2\t\n"],
  ["{.items[0].metadata.labels.kubernetes\\.io/hostname}", "one"],
  ["{.items[0].status.capacity}", '{"cpu":"4"}'],
  ["{.users[0:2].name}", "myself e2e"],
  ["{.users[0,1].name}", "myself e2e"],
  ["{.nothing}", ""],
  ["{$.kind} {@.kind}", "List List"],
  ["plain", "plain"],
])("%s", (template, expected) => {
  expect(parseJsonPath(template).print(DATA)).toBe(expected);
});

test.each(["{.a", "{end}", "{range .items[*]}x", "{.a[}", "{a b}"])("%s is refused", (template) => {
  expect(() => parseJsonPath(template).print(DATA)).toThrow();
});

test("a missing field is an error where that is asked for", () => {
  expect(() => parseJsonPath("{.nothing}", false).print(DATA)).toThrow("nothing is not found");
  expect(() => parseJsonPath("{.users[5].name}", false).print(DATA)).toThrow("array index out of bounds");
});

test("paths of columns and sort keys may be bare", () => {
  expect([".a", "a", "{.a}", "[0]"].map(relaxedPath)).toEqual(["{.a}", "{.a}", "{.a}", "{[0]}"]);
});
