import { describe, expect, test } from "bun:test";
import { machineArchitecture } from "../../../src/lib/machine-architecture.ts";
import { byPlatform, fitsPlatform, parsePlatform, platformText, runsNatively } from "../../../src/lib/platform.ts";

describe("platforms as people write them", () => {
  test.each([
    ["linux/arm64/v8", { os: "linux", architecture: "arm64", variant: "v8" }],
    ["linux/amd64", { os: "linux", architecture: "amd64" }],
    ["LINUX/x86_64", { os: "linux", architecture: "amd64" }],
    ["arm64", { os: "linux", architecture: "arm64" }],
    ["aarch64", { os: "linux", architecture: "arm64" }],
    ["windows", { os: "windows" }],
  ])("%s", (text, platform) => expect(parsePlatform(text)).toEqual(platform));

  test.each([
    ["foo/bar/baz/x", '"foo/bar/baz/x": cannot parse platform specifier: invalid argument'],
    ["nonsense", '"nonsense": unknown operating system or architecture: invalid argument'],
    ["linux/a b", /component must match/],
    ["linux//v8", /component must match/],
  ])("%s is refused", (text, message) => expect(() => parsePlatform(text)).toThrow(message));

  test("and back", () =>
    expect(platformText({ os: "linux", architecture: "arm", variant: "v6" })).toBe("linux/arm/v6"));
});

describe("the choice among an index' platforms", () => {
  const index = ["linux/amd64", "linux/386", "linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "windows/amd64"];
  const choose = (wish: string | undefined, texts = index) =>
    byPlatform(texts, parsePlatform, wish === undefined ? undefined : parsePlatform(wish));

  test.each([
    ["linux/arm", ["linux/arm/v7", "linux/arm/v5"]],
    ["linux/arm/v6", ["linux/arm/v5"]],
    ["linux/arm/v8", ["linux/arm/v7", "linux/arm/v5"]],
    ["linux/arm64", ["linux/arm64/v8"]],
    ["arm64", ["linux/arm64/v8"]],
    ["linux/amd64", ["linux/amd64"]],
    ["linux/amd64/v3", ["linux/amd64"]],
    ["windows/amd64", ["windows/amd64"]],
    ["linux/s390x", []],
  ])("%s", (wish, chosen) => expect(choose(wish)).toEqual(chosen));

  test("without a wish the machine's own comes first, then what it runs as well", () => {
    const own = machineArchitecture();
    expect(choose(undefined)[0]).toStartWith(`linux/${own}`);
    if (own === "amd64") expect(choose(undefined)).toEqual(["linux/amd64", "linux/386"]);
    expect(choose(undefined, ["linux/s390x", "linux/ppc64le"])).toEqual([]);
  });

  test("a higher variant than the machine is known to have is not taken without a wish", () => {
    if (machineArchitecture() !== "amd64") return;
    expect(choose(undefined, ["linux/amd64/v3", "linux/amd64"])).toEqual(["linux/amd64"]);
    expect(choose("linux/amd64/v3", ["linux/amd64/v2", "linux/amd64/v3", "linux/amd64"])[0]).toBe("linux/amd64/v3");
  });

  test("fits: a variant that is not told fits every one", () => {
    expect(fitsPlatform({ os: "linux", architecture: "arm64" }, parsePlatform("linux/arm64/v8"))).toBe(true);
    expect(fitsPlatform({ os: "linux", architecture: "arm", variant: "v6" }, parsePlatform("linux/arm/v7"))).toBe(
      false,
    );
    expect(fitsPlatform({ os: "linux", architecture: "amd64" }, { os: "linux" })).toBe(true);
    expect(runsNatively({ os: "linux", architecture: machineArchitecture() })).toBe(true);
    expect(runsNatively({ os: "linux", architecture: "s390x" })).toBe(process.arch === "s390x");
  });
});
