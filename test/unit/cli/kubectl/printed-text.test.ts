import { expect, test } from "bun:test";
import { goSyntax, goText } from "../../../../src/cli/kubectl/go-syntax.ts";
import { jsonText, shortJsonText, sortedJsonText } from "../../../../src/cli/kubectl/json-text.ts";
import { kyamlText } from "../../../../src/cli/kubectl/kyaml-text.ts";
import { yamlText } from "../../../../src/cli/kubectl/yaml-text.ts";

const VALUE = { b: [1, { c: null, a: "<&>" }], a: {}, 10: "x", 9: [] };

test("JSON as Go writes it: in the order of names or as it stands, signs of HTML escaped", () => {
  expect(shortJsonText(VALUE)).toBe('{"10":"x","9":[],"a":{},"b":[1,{"a":"\\u003c\\u0026\\u003e","c":null}]}');
  expect(sortedJsonText({ b: [], a: { x: 1 } })).toBe('{\n    "a": {\n        "x": 1\n    },\n    "b": []\n}');
  expect(jsonText({ b: 1, a: [undefined, true], c: undefined })).toBe(
    '{\n    "b": 1,\n    "a": [\n        null,\n        true\n    ]\n}',
  );
});

test("KYAML: flow style, strings quoted, names plain where nothing could mistake them", () => {
  const object = {
    on: "yes",
    "a.b/c": [1, 2],
    text: "one\n  two\n",
    list: [{ x: 1 }, { z: [] }],
    _1: "a\tb",
    none: null,
  };
  expect(kyamlText(object, (names) => names)).toBe(`---
{
  "on": "yes",
  a.b/c: [
    1,
    2,
  ],
  text: "\\
     one\\n\\
    \\  two\\n\\
    ",
  list: [{
    x: 1,
  }, {
    z: [],
  }],
  "_1": "a\tb",
  none: null,
}
`);
});

test("YAML's keys: signs, then numbers by their value, letters last", () => {
  const keys = ["ab", "a-", "x10", "x9", "a_", "b", "01", "1"];
  const text = yamlText(Object.fromEntries(keys.map((key) => [key, true])));
  expect(text.match(/^[^:]+/gm)).toEqual(['"1"', '"01"', "a-", "a_", "ab", "b", "x9", "x10"]);
});

test("Go's own words for values", () => {
  expect(goText({ b: [1, "x"], a: { c: null } })).toBe("map[a:map[c:<nil>] b:[1 x]]");
  expect(goSyntax({ b: [1, "x"], a: true })).toBe('map[string]interface {}{"a":true, "b":[]interface {}{1, "x"}}');
});
