import { expect, test } from "bun:test";
import { labelMatcher, labelSelectorOf } from "../../../../src/cli/kubectl/label-selector.ts";

const LABELS = { app: "web", tier: "front", size: "12" };
const MATCHES: readonly (readonly [selector: string, isMeant: boolean])[] = [
  ["", true],
  ["app=web", true],
  ["app == web", true],
  ["app=db", false],
  ["app=web,tier=front", true],
  ["app=web,tier=back", false],
  ["app!=db", true],
  ["missing!=db", true],
  ["app in (web, db)", true],
  ["app in (db),tier", false],
  ["app notin (db,mail)", true],
  ["missing notin (db)", true],
  ["missing in (db)", false],
  ["tier,!missing", true],
  ["!tier", false],
  ["size>11", true],
  ["size<11", false],
  ["constructor", false],
];

test.each(MATCHES)("the selector %p", (selector, isMeant) => {
  expect(labelMatcher(selector)({ metadata: { labels: LABELS } })).toBe(isMeant);
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
