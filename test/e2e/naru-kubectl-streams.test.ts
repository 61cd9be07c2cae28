/** Commands of `naru kubectl` that stream, beside the real kubectl: exec, attach, run, port-forward, cp. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { busyboxTar, eventually, NARU } from "../support/daemon.ts";

const PATIENCE = Number(process.env.NARU_TEST_PATIENCE ?? 1);
const IMAGE = "busybox-test:1";
const MEGABYTES = 5;
let cluster: TestClusterDaemon;
let naruKubectl: string;
let folder: string;

beforeAll(async () => {
  cluster = await startCluster(["--cluster-node-name", "node-a"]);
  expect((await cluster.daemon.naru(["import", "-", IMAGE], { stdin: await busyboxTar() })).stderr).toBe("");
  folder = join(cluster.daemon.root, "files");
  await mkdir(folder, { recursive: true });
  naruKubectl = join(folder, "kubectl");
  await symlink(NARU, naruKubectl);
  await ok("wait", "--for=condition=Ready", "node/node-a", "--timeout=60s");
  const script = `mkdir /w; echo hello > /w/i; exec httpd -f -p 8000 -h /w`;
  await ok("run", "web", "--image", IMAGE, "--port", "8000", "--expose", "--command", "--", "sh", "-c", script);
  await ok("wait", "--for=condition=Ready", "pod/web", "--timeout=60s");
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const start = (words: readonly string[], input?: Uint8Array) =>
  Bun.spawn([naruKubectl, "--kubeconfig", cluster.kubeconfig, ...words], {
    stdin: input ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    cwd: folder,
    timeout: 60_000 * PATIENCE,
    env: { ...process.env, HOME: cluster.daemon.root },
  });
async function mine(words: readonly string[], input?: string) {
  const child = start(words, input === undefined ? undefined : new TextEncoder().encode(input));
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}
async function ok(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await mine(words);
  if (code !== 0) throw new Error(`naru kubectl ${words.join(" ")}: exit ${code}\n${stderr}${stdout}`);
  return stdout;
}
async function same(words: readonly string[], input?: string): Promise<void> {
  const [own, real] = await Promise.all([mine(words, input), cluster.kubectl(words, input)]);
  expect(own).toEqual(real);
}

describe("exec", () => {
  test.each<[string, string[], string]>([
    [
      "the code of the program, and both of its outputs",
      ["web", "--", "sh", "-c", "echo out; echo err >&2; exit 7"],
      "",
    ],
    ["input, and its end", ["-i", "web", "--", "sh", "-c", "cat; echo ended"], "one\ntwo\n"],
    ["a service's pod", ["svc/web", "--", "cat", "/w/i"], ""],
    ["a container that is not there", ["web", "-c", "nope", "--", "date"], ""],
    ["a pod that is not there", ["nope", "--", "date"], ""],
    ["a program that is not there", ["web", "--", "nosuch"], ""],
    ["no program", ["web"], ""],
    ["words without dashes", ["web", "date"], ""],
    ["a terminal where there is none", ["-it", "web", "--", "sh", "-c", "tty; exit 5"], ""],
  ])("%s", (_, words, input) => same(["exec", ...words], input));

  test("megabytes go through unharmed, both ways", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(65536));
    const big = Buffer.concat(new Array<Uint8Array>((MEGABYTES * 1024 * 1024) / bytes.length).fill(bytes));
    const child = start(["exec", "-i", "web", "--", "cat"], big);
    const back = await new Response(child.stdout).bytes();
    expect(await child.exited).toBe(0);
    expect(Bun.hash(back)).toBe(Bun.hash(big));
  });

  test("a terminal: its size, Ctrl-C for the program, its code", async () => {
    const words = `${naruKubectl} --kubeconfig ${cluster.kubeconfig} exec -it web -- sh -c 'trap "exit 9" INT; until stty size | grep "33 99"; do sleep 0.1; done; while :; do sleep 0.1; done'`;
    const child = Bun.spawn(["script", "-qefc", `stty rows 33 cols 99; ${words}`, "/dev/null"], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
      timeout: 60_000 * PATIENCE,
      env: { ...process.env, HOME: cluster.daemon.root },
    });
    let seen = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      const before = seen;
      seen += decoder.decode(chunk, { stream: true });
      if (!before.includes("33 99") && seen.includes("33 99")) {
        child.stdin.write("\x03");
        child.stdin.flush();
      }
    }
    child.stdin.end();
    expect(seen).toContain("33 99\r\n");
    expect(seen).toContain("command terminated with exit code 9");
    expect(await child.exited).toBe(9);
  });
});

describe("run", () => {
  test.each<string[]>([
    ["--restart=Foo"],
    ["--labels=a"],
    ["--env=A"],
    ["--port=x"],
    ["-t"],
    ["--expose"],
    ["--rm"],
    ["-i", "--dry-run=client"],
    ["--overrides={"],
    ["--port=80", "--env=A=b=c", "--env=C=", "--labels=x=1", "--privileged", "--dry-run=client", "-o", "yaml"],
    ["--overrides", '{"spec":{"hostNetwork":true}}', "--dry-run=client", "-o", "yaml"],
    [
      "--override-type=strategic",
      "--overrides",
      '{"spec":{"containers":[{"name":"q","tty":true}]}}',
      "--dry-run=client",
      "-o",
      "yaml",
    ],
    [
      "--override-type=json",
      "--overrides",
      '[{"op":"add","path":"/metadata/labels/x","value":"y"}]',
      "--dry-run=client",
      "-o",
      "yaml",
    ],
    ["--expose", "--port=80", "--dry-run=client"],
  ])("%s", (...flags) => same(["run", "q", "--image", IMAGE, ...flags, "--", "sleep", "1"]));

  test("--rm -i: its input, its output, its code, and nothing is left", async () => {
    const program = ["--command", "--", "sh", "-c", "cat; exit 4"];
    const result = await mine(
      ["run", "once", "--image", IMAGE, "-i", "--rm", "--restart=Never", ...program],
      "typed\n",
    );
    expect(result.stdout).toBe('typed\npod "once" deleted from default namespace\n');
    expect(result.stderr).toEndWith("pod default/once terminated (Error)\n");
    expect(result.code).toBe(4);
    await ok("wait", "--for=delete", "pod/once", "--timeout=60s");
  });
});

/** What comes over a connection whose own direction is ended at once. */
async function answerAfterEnd(address: string, words: string): Promise<string> {
  const [host = "", port] = address.split(":");
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  socket.end(words);
  let answer = "";
  for await (const bytes of socket) answer += String(bytes);
  return answer;
}

test("port-forward: several ports of a service and a pod; ends when the pod does", async () => {
  await ok(
    "run",
    "short",
    "--image",
    IMAGE,
    "--command",
    "--",
    "sh",
    "-c",
    "echo short > /i; exec httpd -f -p 8000 -h /",
  );
  await ok("wait", "--for=condition=Ready", "pod/short", "--timeout=60s");
  await same(["port-forward", "web"]);
  await same(["port-forward", "web", "8000:nope"]);
  for (const [target, ports, text] of [
    ["svc/web", [":8000", ":8000"], "hello\n"],
    ["short", [":8000"], "short\n"],
  ] as const) {
    const child = start(["port-forward", target, ...ports]);
    let told = "";
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of child.stdout) told += decoder.decode(chunk, { stream: true });
    })();
    const addresses = () =>
      [...told.matchAll(/Forwarding from (127\.0\.0\.1:\d+) -> 8000/g)].map(([, address]) => address!);
    await eventually(() => addresses().length === ports.length, 30_000);
    for (const address of addresses()) expect(await (await fetch(`http://${address}/i`)).text()).toBe(text);
    // The end of a client's words is not the end of the connection.
    expect(await answerAfterEnd(addresses()[0]!, "GET /i HTTP/1.0\r\n\r\n")).toEndWith(`\r\n\r\n${text}`);
    expect(told).toContain("Handling connection for ");
    if (target === "short") {
      // A client that never hangs up keeps nobody here.
      const port = Number(addresses()[0]!.split(":")[1]);
      const handled = told.split("Handling connection").length;
      const idle = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      await eventually(() => told.split("Handling connection").length > handled);
      await ok("delete", "pod", "short", "--force");
      expect(await child.exited).toBe(1);
      expect(await new Response(child.stderr).text()).toContain("error: lost connection to pod");
      idle.destroy();
    } else {
      child.kill("SIGINT");
      await child.exited;
    }
    await reading;
  }
});

test("cp: files and folders, both ways", async () => {
  await mkdir(join(folder, "tree/inner"), { recursive: true });
  await writeFile(join(folder, "tree/inner/file"), "deep\n");
  await writeFile(join(folder, "top"), "top\n", { mode: 0o755 });
  await ok("cp", "tree", "web:/tmp");
  await ok("cp", "top", "default/web:/tmp/renamed");
  expect(
    await ok("exec", "web", "--", "sh", "-c", "cat /tmp/tree/inner/file /tmp/renamed; stat -c %a /tmp/renamed"),
  ).toBe("deep\ntop\n755\n");
  await ok("cp", "web:/tmp/tree", "back");
  await ok("cp", "web:/tmp/renamed", "again");
  expect(await readFile(join(folder, "back/inner/file"), "utf8")).toBe("deep\n");
  expect(await readFile(join(folder, "again"), "utf8")).toBe("top\n");
  // Neither an archive that nobody wants any more nor what a tar writes after its end may be waited for.
  const large = "head -c 3000000 /dev/zero > /tmp/large";
  const padding = `printf '#!/bin/sh\\nbusybox tar "$@" && head -c 3000000 /dev/zero\\n' > /tmp/tar; mv /tmp/tar /bin/tar`;
  await ok("exec", "web", "--", "sh", "-c", `${large}; ${padding}; chmod +x /bin/tar`);
  expect((await mine(["cp", "web:/tmp/large", "back"])).stderr).toContain("error: open back: is a directory");
  await ok("cp", "web:/tmp/large", "large");
  expect((await stat(join(folder, "large"))).size).toBe(3_000_000);
  // Files that are shorter than they say cannot be packed: the program in the container must not wait for their rest.
  const shorter = await mine(["cp", "/sys/kernel/uevent_seqnum", "web:/tmp/seqnum"]);
  expect([shorter.code, shorter.stderr.includes("became shorter")]).toEqual([1, true]);
  const missing = await mine(["cp", "web:/nope", "x"]);
  expect([missing.code, missing.stderr.includes("/nope: No such file or directory")]).toEqual([1, true]);
  const refused = [["a"], ["a", "b"], ["web:/a", "web:/b"], ["a/b/c:/x", "y"], ["nope", "web:/"]];
  for (const words of [...refused, [join(folder, "top"), "web:/no/x"]]) await same(["cp", ...words]);
});
