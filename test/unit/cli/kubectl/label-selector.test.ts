import { expect, test } from "bun:test";
import { labelMatcher, labelSelectorOf } from "../../../../src/cli/kubectl/label-selector.ts";

test("the labels of an object, or none", () => {
  const isMeant = labelMatcher("app=web,!old");
  expect([isMeant({ metadata: { labels: { app: "web" } } }), isMeant({ metadata: {} }), isMeant({})]).toEqual([
    true,
    false,
    false,
  ]);
});

test.each(["app in web", "=web", "a b", "app in (web", "a=b=c"])("%p is no selector", (selector) => {
  expect(() => labelMatcher(selector)).toThrow(`couldn't parse the selector string ${JSON.stringify(selector)}`);
});

test("the API's form", () => {
  expect(labelSelectorOf("app==web,tier in (front, back),!old,new,stage!=test")).toEqual({
    matchLabels: { app: "web" },
    matchExpressions: [
      { key: "new", operator: "Exists" },
      { key: "old", operator: "DoesNotExist" },
      { key: "stage", operator: "NotIn", values: ["test"] },
      { key: "tier", operator: "In", values: ["back", "front"] },
    ],
  });
});
