import { expect, test } from "bun:test";
import { inMachineTurn } from "../../../src/lib/machine-turn.ts";

const NAME = `test-${process.pid}`;

test("work of one name is done one after the other, of others at once", async () => {
  const seen: string[] = [];
  const work = async (name: string) => {
    seen.push(`${name} begins`);
    await Bun.sleep(20);
    seen.push(`${name} ends`);
  };
  await Promise.all([
    inMachineTurn(NAME, () => work("a")),
    inMachineTurn(NAME, () => work("b")),
    inMachineTurn(`${NAME}-other`, () => work("c")),
  ]);
  const of = (...names: string[]) => seen.filter((one) => names.includes(one[0]!));
  expect(["a begins,a ends,b begins,b ends", "b begins,b ends,a begins,a ends"]).toContain(of("a", "b").join());
  expect(seen.indexOf("c begins")).toBeLessThan(seen.findIndex((one) => one.endsWith("ends")));
});

test("the turn of work that fails, and of a process that dies, is the next one's", async () => {
  const fail = () => inMachineTurn(NAME, () => Promise.reject(new Error("no")));
  await expect(fail()).rejects.toThrow("no");
  await expect(fail()).rejects.toThrow("no");
  const script = `import { inMachineTurn } from "${require.resolve("../../../src/lib/machine-turn.ts")}";
    await inMachineTurn("${NAME}", async () => { console.log("mine"); await Bun.sleep(60_000); });`;
  const other = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await other.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("mine\n");
  const mine = inMachineTurn(NAME, async () => "after it");
  expect(await Promise.race([mine, Bun.sleep(50).then(() => "waiting")])).toBe("waiting");
  other.kill("SIGKILL");
  expect(await mine).toBe("after it");
});
