/** Expressions: what they are worth, what they refuse, and that they end. */
import { expect, test } from "bun:test";
import { compileExpression } from "../../../../src/kube/expressions/evaluate.ts";
import { fromJson } from "../../../../src/kube/expressions/values.ts";

const self = fromJson({
  replicas: 3,
  min: 1,
  ratio: 0.5,
  name: "web-1",
  "a-b": true,
  namespace: "n",
  tags: ["a", "b", "a"],
  ports: [
    { name: "http", port: 80 },
    { name: "https", port: 443 },
  ],
  labels: { app: "x" },
});
const evaluate = (text: string) => compileExpression(text, ["self"]).evaluate({ self });

test.each([
  "1 + 2 * 3 == 7",
  "7 / 2 == 3 && -7 / 2 == -3 && 7 % 4 == 3",
  "7.0 / 2.0 == 3.5",
  "1 == 1.0 && 2 > 1.5",
  "self.min <= self.replicas && self.replicas <= 10",
  "self.replicas > 5 ? false : true",
  "has(self.name) && !has(self.nothing)",
  "!has(self.nothing) || self.nothing.foo == 1",
  "true || 1 / 0 == 1",
  "1 / 0 == 1 || true",
  "self.a__dash__b",
  "self.__namespace__ == 'n'",
  "self.ports.all(p, p.port > 0 && p.port < 65536)",
  "self.ports.exists(p, p.name == 'http')",
  "self.ports.exists_one(p, p.port == 443)",
  "self.ports.map(p, p.port) == [80, 443]",
  "self.ports.map(p, p.port > 100, p.name) == ['https']",
  "self.ports.filter(p, p.port == 80).size() == 1",
  "size(self.tags) == 3 && 'a' in self.tags && !('z' in self.tags)",
  "'app' in self.labels && self.labels['app'] == \"x\"",
  "self.labels.all(k, k.startsWith('a'))",
  "self.name.matches('^[a-z]+-[0-9]$')",
  "'ABC'.matches('(?i)^abc$')",
  "self.name.split('-')[1] == '1' && ['a', 'b'].join(',') == 'a,b'",
  "self.name.replace('web', 'app').upperAscii() == 'APP-1'",
  "self.name.substring(0, 3) == 'web' && self.name.indexOf('-') == 3",
  "string(self.replicas) == '3' && int('4') == 4 && double(1) == 1.0",
  "type(self.replicas) == int && type('') == string",
  "duration('1h30m') > duration('89m')",
  "timestamp('2026-01-01T00:00:00Z') + duration('24h') == timestamp('2026-01-02T00:00:00Z')",
  "quantity('1Gi').isGreaterThan(quantity('1000Mi')) && isQuantity('5m') && !isQuantity('x')",
  "[1, 2, 3].sum() == 6 && [3, 1].min() == 1 && [1, 2].isSorted()",
  "sets.contains([1, 2, 3], [2, 1]) && sets.equivalent([1, 2], [2, 1, 1])",
  "self.?nothing.orValue('x') == 'x' && self.?name.hasValue()",
  "self.?nothing.?deeper.orValue(1) == 1",
  "r'\\d' == '\\\\d' && '''it's''' == \"it's\"",
  "{'a': 1}.a == 1 // a comment",
  "isIP('10.0.0.1') && isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/99') && isURL('http://a/')",
])("%s", (text) => {
  expect(evaluate(text)).toBe(true);
});

test.each([
  ["self.replicas >", "ERROR: <input>:1:16: Syntax error: mismatched input '<EOF>'"],
  ["other == 1", "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')"],
  ["self.name.nope()", "undeclared reference to 'nope'"],
  ["nope(1)", "undeclared reference to 'nope'"],
  ["1 # 2", "token recognition error at: '#'"],
  ["has(self)", "invalid argument to has() macro"],
  ["self.ports.all(p + 1, true)", "argument must be a simple name"],
  [`${"(".repeat(300)}1${")".repeat(300)}`, "nested too deeply"],
])("%s is refused", (text, why) => {
  expect(() => compileExpression(text, ["self"])).toThrow(why);
});

test.each([
  ["1 + 1.0", "no such overload"],
  ["'a' + 1", "no such overload"],
  ["self.nothing == 1", "no such key: nothing"],
  ["self.tags[9] == 'a'", "index out of bounds: 9"],
  ["1 / 0", "division by zero"],
  ["9223372036854775807 + 1", "integer overflow"],
  [
    "self.tags.all(a, self.tags.all(b, [1,2,3,4,5,6,7,8,9,10].map(x, [1,2,3,4,5,6,7,8,9,10].map(y, [1,2,3,4,5,6,7,8,9,10].map(z, [1,2,3,4,5,6,7,8,9,10].map(w, x * y * z * w)))).size() == 10))",
    "cost limit exceeded",
  ],
])("%s fails", (text, why) => {
  expect(() => evaluate(text)).toThrow(why);
});

test("what an expression asks for is known", () => {
  const { uses } = compileExpression("self.a.all(x, x == oldSelf.b)", ["self", "oldSelf"]);
  expect([...uses].sort()).toEqual(["oldSelf", "self"]);
});
