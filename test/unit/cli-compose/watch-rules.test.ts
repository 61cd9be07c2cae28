import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { topmost } from "../../../src/cli/compose/watch/sync-files.ts";
import { isIgnored, targetOf, watchRules } from "../../../src/cli/compose/watch/watch-rules.ts";
import type { Tree } from "../../../src/compose/document.ts";

const ruleOf = async (trigger: Tree, service: Tree = {}) =>
  (await watchRules("web", { ...service, develop: { watch: [trigger] } }))[0]!;

describe("where a changed path belongs", () => {
  const SYNC = { path: "/src/app", action: "sync", target: "/app" };
  test.each<[string, Tree, string, string | undefined]>([
    ["below", SYNC, "/src/app/a/b.js", "/app/a/b.js"],
    ["the path itself", SYNC, "/src/app", "/app"],
    ["beside", SYNC, "/src/application/x", undefined],
    ["above", SYNC, "/src", undefined],
    ["ignored", { ...SYNC, ignore: ["node_modules/"] }, "/src/app/node_modules/x/y", undefined],
    ["ignored by a pattern", { ...SYNC, ignore: ["**/*.log"] }, "/src/app/a/x.log", undefined],
    ["an exception", { ...SYNC, ignore: ["*.log", "!keep.log"] }, "/src/app/keep.log", "/app/keep.log"],
    ["included", { ...SYNC, include: ["*.js"] }, "/src/app/a.js", "/app/a.js"],
    ["not included", { ...SYNC, include: ["*.js"] }, "/src/app/a.css", undefined],
    ["below what is included", { ...SYNC, include: ["lib/"] }, "/src/app/lib/x", "/app/lib/x"],
    ["version control's", SYNC, "/src/app/.git/HEAD", undefined],
    ["an editor's", SYNC, "/src/app/.a.js.swp", undefined],
    ["without a target", { path: "/src/app", action: "restart" }, "/src/app/x", ""],
  ])("%s", async (_, trigger, path, target) => {
    expect(targetOf(await ruleOf(trigger), path)).toBe(target);
  });
});

test("what a build does not see is not watched", async () => {
  const context = await mkdtemp(join(tmpdir(), "naru-watch-rules-"));
  try {
    await Bun.write(join(context, ".dockerignore"), "dist\n!dist/kept\n");
    const rule = await ruleOf({ path: context, action: "rebuild" }, { build: { context } });
    expect(isIgnored(rule, join(context, "dist/a"))).toBe(true);
    expect(isIgnored(rule, join(context, "dist/kept"))).toBe(false);
    expect(isIgnored(rule, join(context, "src"))).toBe(false);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
});

test("of paths that went away, those in another one go with it", () => {
  expect(topmost(["/a/b/c", "/a/b", "/a/bc", "/d/e/f/g", "/d/e"])).toEqual(["/a/b", "/a/bc", "/d/e"]);
});

test.each<[string, Tree, string]>([
  ["an unknown action", { path: "/a", action: "copy" }, "there are rebuild, restart, sync"],
  ["rebuild without build", { path: "/a", action: "rebuild" }, "needs a build section"],
  ["sync without target", { path: "/a", action: "sync" }, "absolute target"],
  ["a target that is no absolute path", { path: "/a", action: "sync", target: "app" }, "absolute target"],
  ["exec without command", { path: "/a", action: "sync+exec", target: "/a" }, "exec.command"],
])("%s is refused", async (_, trigger, words) => {
  await expect(ruleOf(trigger)).rejects.toThrow(words);
});

test("exec takes a command as words or as a line", async () => {
  const exec = async (command: string | string[]) =>
    (
      await ruleOf({
        path: "/a",
        action: "sync+exec",
        target: "/a",
        exec: { command, user: "me", environment: { A: "1" } },
      })
    ).exec;
  expect(await exec(["a", "b c"])).toMatchObject({ command: ["a", "b c"], user: "me", environment: ["A=1"] });
  expect((await exec("a 'b c'"))!.command).toEqual(["a", "b c"]);
});
