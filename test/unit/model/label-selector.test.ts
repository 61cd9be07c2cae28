import { expect, test } from "bun:test";
import { labelRequirements, meetRequirements } from "../../../src/model/kubernetes/label-selector.ts";

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
  ["!constructor", true],
  ["app>1", false],
];

const unexpected = (term: string) => new Error(`${term} was not understood`);

test.each(MATCHES)("the selector %p", (selector, isMeant) => {
  expect(meetRequirements(LABELS, labelRequirements(selector, unexpected))).toBe(isMeant);
});

test("the first term that cannot be read is told", () => {
  const mistake = (term: string) => new Error(`no term: ${term}`);
  expect(() => labelRequirements("app=web,tier in front,a=b=c", mistake)).toThrow("no term: tier in front");
});
