import { describe, expect, test } from "bun:test";
import type { BuildCacheRecord } from "../../../src/build/contract.ts";
import type { CacheUsage } from "../../../src/build/solver/cache-usage.ts";
import { gcPolicies, parseSpace } from "../../../src/build/solver/gc-policy.ts";
import { type PruneWish, planPrune } from "../../../src/build/solver/prune-plan.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const hoursAgo = (hours: number) => new Date(NOW - hours * 3_600_000).toISOString();

function row(ID: string, lastUsedHoursAgo: number, more: Partial<BuildCacheRecord> = {}): CacheUsage {
  return {
    freedBytes: more.Shared ? 0 : 100,
    row: {
      ID,
      Parents: null,
      Type: "regular",
      Description: "",
      InUse: false,
      Shared: false,
      Size: 100,
      CreatedAt: hoursAgo(1000),
      LastUsedAt: hoursAgo(lastUsedHoursAgo),
      UsageCount: 1,
      ...more,
    },
  };
}

const USAGE = [
  row("base", 5, { Parents: null }),
  row("child", 4, { Parents: ["base"] }),
  row("leaf", 3, { Parents: ["child"] }),
  row("old", 100),
  row("shared", 90, { Shared: true }),
  row("busy", 80, { InUse: true }),
  row("mount", 70, { Type: "exec.cachemount" }),
];

function plan(wish: Partial<PruneWish>, filters: Record<string, string[]> = {}, freeBytes = 1e12): string {
  const whole: PruneWish = { all: false, filters: new Map(Object.entries(filters)), ...wish };
  return planPrune(USAGE, whole, freeBytes, NOW)
    .map(({ row: { ID } }) => ID)
    .join(" ");
}

describe("planPrune()", () => {
  const CASES: [name: string, planned: string, wish: Partial<PruneWish>, filters?: Record<string, string[]>][] = [
    ["takes what is unused and not shared, parents after their children", "old mount leaf child base", {}],
    ["with all also what images share", "old shared mount leaf child base", { all: true }],
    ["keeps what was used lately", "old mount", {}, { until: ["6h"] }],
    ["takes one by its id only when nothing stands on it", "", {}, { id: ["child"] }],
    ["takes a leaf by its id", "leaf", {}, { id: ["leaf"] }],
    ["takes a type", "mount", {}, { type: ["exec.cachemount"] }],
    ["takes the children of a parent", "", {}, { parent: ["base"] }],
    ["takes nothing in use", "", { all: true }, { inuse: ["true"] }],
    ["takes the shared alone", "shared", { all: true }, { shared: ["true"] }],
    ["takes the private alone", "old mount leaf child base", { all: true }, { private: ["true"] }],
    ["goes down to what is kept", "old mount", { keepBytes: 450 }],
    ["goes down to what may be used at most", "old", { maxUsedBytes: 500 }],
    ["leaves all below the limit", "", { maxUsedBytes: 1000 }],
    ["never goes below what is reserved", "old", { maxUsedBytes: 100, keepBytes: 500 }],
    ["keeps what is younger than the policy says", "old mount", { keepDurationMs: 6 * 3_600_000 }],
  ];
  for (const [name, planned, wish, filters] of CASES) {
    test(name, () => expect(plan(wish, filters)).toBe(planned));
  }

  test("makes room when the disk is nearly full", () => {
    expect(plan({ minFreeBytes: 1000 }, {}, 850)).toBe("old mount");
    expect(plan({ minFreeBytes: 1000 }, {}, 1000)).toBe("");
  });

  test("refuses bad filters", () => {
    expect(() => plan({}, { nonsense: ["1"] })).toThrow("invalid filter 'nonsense'");
    expect(() => plan({}, { until: ["yesterday"] })).toThrow("expects a duration");
    expect(() => plan({}, { id: ["a", "b"] })).toThrow("only one value");
    expect(() => plan({}, { inuse: ["maybe"] })).toThrow("true or false");
  });
});

describe("gcPolicies()", () => {
  test("sizes are bytes, binary units as in dockerd, or parts of the disk", () => {
    expect([parseSpace("1024", 0), parseSpace("20GB", 0), parseSpace("1.5k", 0), parseSpace("10%", 5000)]).toEqual([
      1024,
      20 * 2 ** 30,
      1536,
      500,
    ]);
    expect(() => parseSpace("much", 0)).toThrow("invalid size");
  });

  test("switched off there are none; a kept size is a limit too; rules replace the defaults", () => {
    expect(gcPolicies({ enabled: false }, 1e12)).toEqual([]);
    expect(gcPolicies({ defaultKeepStorage: "1k" }, 1e12).at(-1)).toMatchObject({
      all: true,
      keepBytes: 1024,
      maxUsedBytes: 1024,
      minFreeBytes: 0,
    });
    const policy = [
      { keepStorage: "2k", filter: ["unused-for=48h", "type==source.local"] },
      { all: true, maxUsedSpace: 5 },
    ];
    expect(gcPolicies({ policy }, 1e12)).toEqual([
      {
        all: false,
        filters: new Map([
          ["unused-for", ["48h"]],
          ["type", ["source.local"]],
        ]),
        keepBytes: 2048,
        maxUsedBytes: 0,
        minFreeBytes: 0,
      },
      { all: true, filters: new Map(), keepBytes: 0, maxUsedBytes: 5, minFreeBytes: 0 },
    ]);
    expect(() => gcPolicies({ policy: [{ filter: ["what"] }] }, 1)).toThrow('filter "what"');
  });
});
