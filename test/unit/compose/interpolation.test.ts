// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of Compose files look like those of JavaScript
import { expect, test } from "bun:test";
import { interpolate, namedVariables } from "../../../src/compose/interpolation.ts";

const VALUES: Record<string, string> = { A: "1", EMPTY: "" };

test.each([
  ["$A", "1"],
  ["${A}x", "1x"],
  ["$$A", "$A"],
  ["${NO:-d}", "d"],
  ["${EMPTY:-d}", "d"],
  ["${EMPTY-d}", ""],
  ["${A:+r}", "r"],
  ["${EMPTY:+r}", ""],
  ["${EMPTY+r}", "r"],
  ["${NO:-${ALSO:-deep}}", "deep"],
  ["${NO:-a}b}", "ab}"],
  ["100$", "100$"],
])("%s becomes %s", (template, wanted) => {
  expect(
    interpolate(
      template,
      (name) => VALUES[name],
      () => {},
    ),
  ).toBe(wanted);
});

test("what is not set is told; what is required or malformed is refused", () => {
  const unset: string[] = [];
  expect(
    interpolate(
      "$NO",
      () => undefined,
      (name) => unset.push(name),
    ),
  ).toBe("");
  expect(unset).toEqual(["NO"]);
  const read = (template: string) => () =>
    interpolate(
      template,
      () => undefined,
      () => {},
    );
  expect(read("${NO:?why}")).toThrow("required variable NO is missing a value: why");
  expect(read("${NO")).toThrow("Invalid template");
  expect(namedVariables("${A:-${B}}").map(({ name }) => name)).toEqual(["A", "B"]);
});
