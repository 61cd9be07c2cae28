import { describe, expect, test } from "bun:test";
import { encodeGoJson } from "../../../src/api/go-json.ts";
import { scanJson } from "../../../src/api/go-json-syntax.ts";
import { decodeShape } from "../../../src/api/go-shape.ts";
import { parseFilters, Query } from "../../../src/api/query.ts";
import { containerCreateShape, networkCreateShape } from "../../../src/api/request-shapes.ts";
import { parseUnixTime } from "../../../src/api/timestamps.ts";
import { requireVersion, splitVersion } from "../../../src/api/version.ts";

describe("encoding", () => {
  test.each([
    [{ a: "<b>&" }, '{"a":"\\u003cb\\u003e\\u0026"}\n'],
    [{ a: "\u2028\u2029" }, '{"a":"\\u2028\\u2029"}\n'],
    [{ n: 1700000000123456789n, gone: undefined, none: null }, '{"n":1700000000123456789,"none":null}\n'],
    [[], "[]\n"],
    [null, "null\n"],
  ])("%p", (value, text) => {
    expect(encodeGoJson(value)).toBe(text);
  });
});

/** What Go's scanner says to the same texts. */
describe("syntax errors", () => {
  test.each([
    ["", { kind: "empty" }],
    ["  \n", { kind: "empty" }],
    ["{", { kind: "truncated" }],
    ['{"a":"b', { kind: "truncated" }],
    ["[1", { kind: "truncated" }],
    ["xx", { kind: "error", message: "invalid character 'x' looking for beginning of value" }],
    ['{"a":}', { kind: "error", message: "invalid character '}' looking for beginning of value" }],
    ['{"a" 1}', { kind: "error", message: "invalid character '1' after object key" }],
    ["{a}", { kind: "error", message: "invalid character 'a' looking for beginning of object key string" }],
    ['{"a":1,}', { kind: "error", message: "invalid character '}' looking for beginning of object key string" }],
    ["[1,]", { kind: "error", message: "invalid character ']' looking for beginning of value" }],
    ["[1 2]", { kind: "error", message: "invalid character '2' after array element" }],
    ['{"a":tru}', { kind: "error", message: "invalid character '}' in literal true (expecting 'e')" }],
    ['{"a":01}', { kind: "error", message: "invalid character '1' after object key:value pair" }],
    ['{"a":1 "b"}', { kind: "error", message: "invalid character '\"' after object key:value pair" }],
    ['{"a":"\\q"}', { kind: "error", message: "invalid escape sequence `\\q` in string" }],
    ['{"a":"\n"}', { kind: "error", message: "invalid character '\\n' in string literal" }],
    ["-x", { kind: "error", message: "invalid character 'x' in numeric literal" }],
    ['{"a":[1,{"b":null}]} tail', { kind: "value", end: 20 }],
  ] as const)("%p", (text, outcome) => {
    expect(scanJson(text)).toEqual(outcome);
  });
});

/** What Go's decoder says to the same bodies. */
describe("types", () => {
  test.each([
    [{ Env: "x" }, "json: cannot unmarshal string into Go struct field .Env of type []string"],
    [{ Env: [1] }, "json: cannot unmarshal number into .Env.0 of type string"],
    [{ Cmd: 3 }, "json: cannot unmarshal number into Go value of type string"],
    [{ Labels: ["x"] }, "json: cannot unmarshal array into Go struct field .Labels of type map[string]string"],
    [{ Tty: "yes" }, "json: cannot unmarshal string into Go struct field .Tty of type bool"],
    [{ StopTimeout: 1.5 }, "json: cannot unmarshal number 1.5 into Go struct field .StopTimeout of type int"],
    [{ HostConfig: 3 }, "json: cannot unmarshal number into Go struct field .HostConfig of type container.HostConfig"],
    [{ image: 3 }, "json: cannot unmarshal number into Go struct field .image of type string"],
    [
      { HostConfig: { PortBindings: { "80/tcp": [{ HostPort: 80 }] } } },
      "json: cannot unmarshal number into Go struct field .HostConfig.PortBindings.80~1tcp.0.HostPort of type string",
    ],
    [
      { ExposedPorts: { "80": 3 } },
      "json: cannot unmarshal number into Go struct field .ExposedPorts.80 of type struct {}",
    ],
    [{ ExposedPorts: [] }, "json: cannot unmarshal array into Go struct field .ExposedPorts of type nat.PortSet"],
    [{ Labels: { a: 1 } }, "json: cannot unmarshal number into Go struct field .Labels.a of type string"],
    [{ Cmd: ["x", 1] }, "json: cannot unmarshal array into Go value of type string"],
    [
      { HostConfig: { PortBindings: { "80/tcp": {} } } },
      "json: cannot unmarshal object into Go struct field .HostConfig.PortBindings.80~1tcp of type []nat.PortBinding",
    ],
    [
      { HostConfig: { Ulimits: {} } },
      "json: cannot unmarshal object into Go struct field .HostConfig.Ulimits of type []*units.Ulimit",
    ],
    [
      { HostConfig: { BlkioWeight: 70000 } },
      "json: cannot unmarshal number 70000 into Go struct field .HostConfig.BlkioWeight of type uint16",
    ],
    [
      { HostConfig: { ConsoleSize: [-1, 1] } },
      "json: cannot unmarshal number -1 into .HostConfig.ConsoleSize.0 of type uint",
    ],
    [
      { NetworkingConfig: { EndpointsConfig: { b: { IPAMConfig: 1 } } } },
      "json: cannot unmarshal number into Go struct field .NetworkingConfig.EndpointsConfig.b.IPAMConfig of type network.EndpointIPAMConfig",
    ],
    [
      { Healthcheck: { Interval: "5s" } },
      "json: cannot unmarshal string into Go struct field .Healthcheck.Interval of type time.Duration",
    ],
    [
      { HostConfig: { Memory: 1e30 } },
      "json: cannot unmarshal number 1e30 into Go struct field .HostConfig.Memory of type int64",
    ],
    [
      { HostConfig: { ConsoleSize: "x" } },
      "json: cannot unmarshal string into Go struct field .HostConfig.ConsoleSize of type [2]uint",
    ],
  ])("refuses %j", (value, message) => {
    expect(() => decodeShape(containerCreateShape, value)).toThrow(`invalid JSON: ${message}`);
  });

  test("paths begin with the type's name where it has one", () => {
    expect(() => decodeShape(networkCreateShape, { Name: 3 })).toThrow(
      "invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Name of type string",
    );
  });

  test("keys match without regard to case, unknown ones are dropped, null is kept", () => {
    expect(decodeShape(containerCreateShape, { image: "a", CMD: "b", nonsense: 1, Env: null })).toEqual({
      Image: "a",
      Cmd: ["b"],
      Env: null,
    });
  });

  test("a key named __proto__ is only a key", () => {
    const decoded = decodeShape(containerCreateShape, JSON.parse('{"Labels":{"__proto__":"x"}}')) as {
      Labels: Record<string, string>;
    };
    expect(Object.keys(decoded.Labels)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

test("booleans of a query", () => {
  const query = new Query("a=0&b=false&c=None&d=no&e=&f=1&g=true&h=anything&i=False");
  expect("abcdei".split("").map((name) => query.bool(name, true))).toEqual([false, false, false, false, false, false]);
  expect("fgh".split("").map((name) => query.bool(name))).toEqual([true, true, true]);
  expect(query.bool("absent", true)).toBe(true);
});

test("queries: plus, escapes, repetition, bytes that are no UTF-8", () => {
  const query = new Query("name=a+b%20c&names=x&names=y%2Fz&bad=%ff");
  expect(query.text("name")).toBe("a b c");
  expect(query.all("names")).toEqual(["x", "y/z"]);
  expect(query.text("bad")).toBe("\ufffd");
});

test.each([
  ['{"a":["x","y"]}', [["a", ["x", "y"]]]],
  ['{"a":{"x":true,"y":false}}', [["a", ["x", "y"]]]],
  ["null", []],
  ["{}", []],
] as const)("filters %s", (text, entries) => {
  expect([...parseFilters(text)]).toEqual(entries as never);
});

test.each([
  ["", undefined],
  ["1700000000", 1700000000_000000000n],
  ["1700000000.5", 1700000000_500000000n],
  ["1700000000.123456789", 1700000000_123456789n],
])("time %s", (text, nanoseconds) => {
  expect(parseUnixTime(text)).toBe(nanoseconds as never);
});

test.each([
  ["/v1.41/info", { asked: "1.41", path: "/info" }, 41],
  ["/info", { asked: undefined, path: "/info" }, 51],
  ["/v1.24/a/v1.99/b", { asked: "1.24", path: "/a/v1.99/b" }, 24],
])("version of %s", (path, split, version) => {
  expect(splitVersion(path)).toEqual(split);
  expect(requireVersion(split.asked)).toBe(version);
});
