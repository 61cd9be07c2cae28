import { describe, expect, test } from "bun:test";
import { applyChanges } from "../../../src/image/dockerfile-changes.ts";
import type { ContainerConfig } from "../../../src/model/container.ts";

describe("applyChanges()", () => {
  // Recorded from `docker import --change` of Docker 28.5.
  const accepted: [change: string, config: ContainerConfig][] = [
    ["CMD", { Cmd: ["/bin/sh", "-c"] }],
    ["CMD echo hi", { Cmd: ["/bin/sh", "-c", "echo hi"] }],
    ['cmd ["a", "b"]', { Cmd: ["a", "b"] }],
    ['ENTRYPOINT ["a", "b"]', { Entrypoint: ["a", "b"] }],
    ["ENV A b  c", { Env: ["A=b  c"] }],
    ['ENV A=1 B="x y" C=$A', { Env: ["A=1", "B=x y", "C="] }],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own syntax
    ["ENV A=1\nENV B=$A-${X:-y}-${A:+z}", { Env: ["A=1", "B=1-y-z"] }],
    ["ENV A=1 B=2\nENV A=3", { Env: ["A=3", "B=2"] }],
    ["ENV A='$x' B=a\\ b C=\"\\$\\d\"", { Env: ["A=$x", "B=a b", "C=$\\d"] }],
    ["EXPOSE 80 90-92/udp", { ExposedPorts: { "80/tcp": {}, "90/udp": {}, "91/udp": {}, "92/udp": {} } }],
    ["WORKDIR a/../b", { WorkingDir: "/b" }],
    ["WORKDIR /a\nWORKDIR b", { WorkingDir: "/a/b" }],
    ["USER a b", { User: "a b" }],
    ['VOLUME ["/a","/b"]', { Volumes: { "/a": {}, "/b": {} } }],
    ["VOLUME /a /b", { Volumes: { "/a": {}, "/b": {} } }],
    ["ONBUILD RUN ls", { OnBuild: ["RUN ls"] }],
    [
      "HEALTHCHECK --interval=5s --retries=3 CMD curl x",
      { Healthcheck: { Test: ["CMD-SHELL", "curl x"], Interval: 5e9, Retries: 3 } },
    ],
    ['HEALTHCHECK CMD ["a"]', { Healthcheck: { Test: ["CMD", "a"] } }],
    ["HEALTHCHECK NONE", { Healthcheck: { Test: ["NONE"] } }],
    ["STOPSIGNAL 9", { StopSignal: "9" }],
    ['LABEL a=b c="d e"', { Labels: { a: "b", c: "d e" } }],
    ["# a comment\nUSER \\\n x", { User: "x" }],
  ];
  test.each(accepted)("%s", (change, config) => {
    expect(applyChanges({}, [change])).toEqual(config);
  });

  const refused: [change: string, message: string][] = [
    ["RUN x", "RUN is not a valid change command"],
    ["FOO bar", "FOO is not a valid change command"],
    ["ENV A", "ENV must have two arguments"],
    ["ENV =x", "ENV names can not be blank"],
    ["ENV A=1 B", 'Syntax error - can\'t find = in "B". Must be of the form: name=value'],
    ["ENV A='x", "unexpected end of statement while looking for matching single-quote"],
    ["LABEL a", "LABEL must have two arguments"],
    ["EXPOSE x", "Invalid containerPort: x"],
    ["USER", "USER requires exactly one argument"],
    ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
    ["HEALTHCHECK x", 'Unknown type "X" in HEALTHCHECK (try CMD)'],
    ["HEALTHCHECK --foo=1 CMD x", "unknown flag: --foo"],
    ["HEALTHCHECK --interval=x CMD y", 'time: invalid duration "x"'],
  ];
  test.each(refused)("refuses %s", (change, message) => {
    expect(() => applyChanges({}, [change])).toThrow(message);
  });

  test("leaves the given configuration alone", () => {
    const config = { Env: ["A=1"] };
    applyChanges(config, ["ENV A=2"]);
    expect(config).toEqual({ Env: ["A=1"] });
  });
});
