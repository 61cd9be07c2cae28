/** `docker build` without buildx, by the real client: what it prints, what it makes, what it leaves. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { makeContext } from "../support/build-context.ts";
import { DOCKER, eventually, importBusybox, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { leftovers } from "../support/leftovers.ts";
import { startNaruRegistry } from "../support/naru-registry.ts";
import { processesOf, runningSteps } from "../support/running-steps.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

const inImage = async (image: string, script: string) => {
  const result = await daemon.docker(["run", "--rm", image, "sh", "-c", script]);
  expect(result.stderr).toBe("");
  return result.stdout;
};

/** The progress stream of a build of this tar. */
async function post(query: string, body: Uint8Array): Promise<string> {
  const headers = { "Content-Type": "application/x-tar" };
  const response = await fetch(`http://naru/build?${query}`, {
    unix: daemon.socketPath,
    method: "POST",
    headers,
    body,
  });
  return await response.text();
}

describe("the classic builder's words", () => {
  test("a build tells each instruction, then the image and its names; a second one comes from the cache", async () => {
    await using context = await makeContext({
      a: "hello\n",
      Dockerfile:
        'FROM busybox AS base\nARG V=1\nRUN echo out; echo err >&2\nCOPY a /x/\nENV A=b\nCMD ["cat", "/x/a"]\n',
    });
    const first = await context.build(daemon, ["-t", "demo", "-t", "demo:two"]);
    expect(first.code).toBe(0);
    const words = first.stdout
      .replace(/^Sending build context to Docker daemon [^\n]*\n+/, "")
      .replace("\u001b[91merr\n\u001b[0m", "")
      .replace(/^out\n/m, "")
      .replace(/\b[0-9a-f]{12}\b/g, "<id>");
    expect(words).toBe(
      [
        "Step 1/6 : FROM busybox AS base\n ---> <id>",
        "Step 2/6 : ARG V=1\n ---> <id>",
        "Step 3/6 : RUN echo out; echo err >&2\n ---> Running in <id>\n ---> Removed intermediate container <id>\n ---> <id>",
        "Step 4/6 : COPY a /x/\n ---> <id>",
        "Step 5/6 : ENV A=b\n ---> <id>",
        'Step 6/6 : CMD ["cat", "/x/a"]\n ---> <id>',
        "Successfully built <id>",
        "Successfully tagged demo:latest",
        "Successfully tagged demo:two\n",
      ].join("\n"),
    );
    expect(first.stdout).toContain("\nout\n");
    expect(first.stdout).toContain("\u001b[91merr\n\u001b[0m");
    expect(await daemon.docker(["run", "--rm", "demo"])).toMatchObject({ code: 0, stdout: "hello\n" });

    const second = await context.build(daemon, ["-t", "demo"]);
    expect(second.stdout.match(/ ---> Using cache\n/g)).toHaveLength(2);
    const built = /Successfully built (\w+)/;
    expect(built.exec(second.stdout)?.[1]).toBe(built.exec(first.stdout)?.[1] ?? "no id");
  });

  test("quiet prints the id alone, and all that was said when it fails", async () => {
    await using context = await makeContext({ Dockerfile: "FROM busybox\nRUN echo loud\n" });
    const quiet = await context.build(daemon, ["-q", "-t", "quiet"]);
    expect(quiet.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect((await daemon.docker(["inspect", "-f", "{{.Id}}", "quiet"])).stdout).toBe(quiet.stdout);
    await context.write({ Dockerfile: "FROM busybox\nRUN echo loud; exit 3\n" });
    const failed = await context.build(daemon, ["-q"]);
    expect(failed.code).not.toBe(0);
    expect(failed.stdout + failed.stderr).toContain("loud");
    expect(failed.stderr).toContain("The command '/bin/sh -c echo loud; exit 3' returned a non-zero code: 3");
  });

  const FAILURES: [name: string, dockerfile: string, words: string[], error: string][] = [
    [
      "a command that fails",
      "FROM busybox\nRUN exit 7\n",
      [],
      "The command '/bin/sh -c exit 7' returned a non-zero code: 7",
    ],
    [
      "a file that is not there",
      "FROM busybox\nCOPY nope /\n",
      [],
      "COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist",
    ],
    [
      "an unknown instruction",
      "FROM busybox\nFOO x\n",
      [],
      "dockerfile parse error on line 2: unknown instruction: FOO",
    ],
    ["an unknown target", "FROM busybox\n", ["--target", "nope"], "nope"],
    ["a Dockerfile that is elsewhere", "FROM busybox\n", ["--build-arg", "x=y", "--label", "bad"], ""],
    ["an unknown owner", "FROM busybox\nCOPY --chown=nobody Dockerfile /\n", [], "unable to find user nobody"],
  ];
  for (const [name, dockerfile, words, error] of FAILURES) {
    test(`${name} is told`, async () => {
      await using context = await makeContext({ Dockerfile: dockerfile });
      const result = await context.build(daemon, words);
      if (error === "") expect(result.code).toBe(0);
      else {
        expect(result.code).not.toBe(0);
        expect(result.stderr).toContain(error);
      }
    });
  }

  test("a bad name, a missing Dockerfile and bad build arguments are refused before anything is built", async () => {
    await using context = await makeContext({ Dockerfile: "FROM busybox\n" });
    const tar = (await run(["tar", "-C", context.directory, "-cf", "-", "."])).stdout;
    const refusal = async (query: string) => {
      const response = await daemon.api("POST", `/build?${query}`, tar, { "Content-Type": "application/x-tar" });
      return [response.status, ((await response.json()) as { message: string }).message];
    };
    expect(await refusal("t=Bad!")).toEqual([400, expect.stringContaining("must be lowercase")]);
    expect(await refusal("dockerfile=elsewhere")).toEqual([400, "Cannot locate specified Dockerfile: elsewhere"]);
    expect(await refusal("buildargs=nope")).toEqual([400, expect.stringContaining("error reading build args")]);
    expect(await refusal("version=2")).toEqual([400, expect.stringContaining("buildx")]);
    expect(await refusal("isolation=hyperv")).toEqual([400, expect.stringContaining("hyperv")]);
  });

  test("a Dockerfile from standard input, with and without a context", async () => {
    await using context = await makeContext({ Dockerfile: "FROM nonsense\n", a: "from the context" });
    const piped = await context.build(daemon, ["-q", "-t", "piped", "-f", "-"], { stdin: "FROM busybox\nCOPY a /a\n" });
    expect(piped.stderr).not.toContain("rror response");
    expect(await inImage("piped", "cat /a")).toBe("from the context");
    const alone = await daemon.docker(["build", "-q", "-t", "alone", "-"], {
      stdin: "FROM busybox\nRUN echo alone >/f\n",
      env: { DOCKER_BUILDKIT: "0" },
    });
    expect(alone.code).toBe(0);
    expect(await inImage("alone", "cat /f")).toBe("alone\n");
  });
});

test("a context that the daemon fetches: a repository's directory, a tar, a Dockerfile alone", async () => {
  await using context = await makeContext({ "sub/Dockerfile": "FROM busybox\nCOPY f /f\n", "sub/f": "from git\n" });
  const git = (...words: string[]) =>
    Bun.$`git -c user.name=t -c user.email=t@t -C ${context.directory} ${words}`.quiet();
  await git("init", "-q", "-b", "main");
  await git("add", ".");
  await git("commit", "-qm", "one");
  await Bun.$`git clone -q --bare ${context.directory} ${context.directory}/served.git && git -C ${context.directory}/served.git update-server-info`.quiet();
  await Bun.$`tar -C ${context.directory}/sub -czf ${context.directory}/context.tgz .`.quiet();
  await using server = {
    files: Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const file = Bun.file(`${context.directory}${new URL(request.url).pathname}`);
        return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
      },
    }),
    [Symbol.asyncDispose]: () => server.files.stop(true),
  };
  const built = (path: string, query = "") =>
    post(
      `t=remote&${query}remote=${encodeURIComponent(`http://127.0.0.1:${server.files.port}/${path}`)}`,
      new Uint8Array(),
    );
  expect(await built("served.git#main:sub")).toContain("Successfully tagged remote:latest");
  expect(await inImage("remote", "cat /f")).toBe("from git\n");
  expect(await built("context.tgz")).toContain("Successfully built");
  await context.write({ plain: "FROM busybox\nRUN echo alone >/f\n" });
  expect(await built("plain")).toContain("Successfully built");
  expect(await inImage("remote", "cat /f")).toBe("alone\n");
  expect(await built("nothing")).toContain("its server answers 404");
  expect(await post("remote=/etc/passwd", new Uint8Array())).toContain("neither a git repository nor an http URL");
  expect((await run(["ls", `${daemon.dataRoot}/builder/contexts`])).stdout).toBe("");
});

describe("what instructions do", () => {
  test("COPY and ADD in all their forms", async () => {
    await using context = await makeContext({
      a: "a\n",
      "sub/deep/f": "deep\n",
      "sub/abs": { link: "/etc/passwd" },
      "sub/out": { link: "../../../../../../etc/shadow" },
      "with space": "space\n",
      "run.sh": { mode: 0o750, text: "#!/bin/sh\n" },
      "skip/me.log": "x",
      "skip/keep.txt": "kept",
      ".dockerignore": "**/*.log\n",
      Dockerfile: [
        "FROM busybox",
        "ARG V=expanded",
        "COPY sub /s1",
        "COPY a /new/dir/",
        "COPY a /name",
        "COPY a sub/deep/f /two/",
        "COPY sub/d* /star/",
        "COPY --chown=user --chmod=640 a /owned/",
        "COPY --chown=5 sub /five",
        "COPY --chown=root:extra a /grouped",
        "COPY --chmod=u=rwX,go=rX run.sh /symbolic",
        "ADD t.tgz /unpacked",
        "COPY t.tgz /kept.tgz",
        "COPY --parents sub/deep/f /par/",
        "COPY --exclude=deep sub /without",
        "COPY --link a /linked/here",
        'COPY ["with space", "/sp/"]',
        "COPY skip /skip",
        "COPY <<EOF /heredoc",
        "text $V",
        "EOF",
        "WORKDIR /wd",
        "COPY a .",
      ].join("\n"),
    });
    const tar = await Bun.$`tar -C ${context.directory} -c a sub/deep`.quiet();
    await context.write({ "t.tgz": gzipSync(tar.stdout) });
    const built = await context.build(daemon, ["-q", "-t", "copied"]);
    expect(built.stderr).not.toContain("failed");
    const found = await inImage(
      "copied",
      `cd /; for f in s1/deep/f s1/abs s1/out new/dir new/dir/a name two/a two/f star/f owned owned/a five/deep/f grouped symbolic \
        unpacked/sub/deep/f kept.tgz par/sub/deep/f without/abs linked/here "sp/with space" skip/keep.txt heredoc wd/a; do
        stat -c '%a %u:%g %N' "$f"; done; ls skip; ls without; cat heredoc`,
    );
    expect(found).toBe(
      [
        "644 0:0 s1/deep/f",
        "777 0:0 's1/abs' -> '/etc/passwd'",
        "777 0:0 's1/out' -> '../../../../../../etc/shadow'",
        "755 0:0 new/dir",
        "644 0:0 new/dir/a",
        "644 0:0 name",
        "644 0:0 two/a",
        "644 0:0 two/f",
        "644 0:0 star/f",
        "640 1000:1000 owned",
        "640 1000:1000 owned/a",
        "644 5:5 five/deep/f",
        "644 0:2000 grouped",
        "755 0:0 symbolic",
        "644 0:0 unpacked/sub/deep/f",
        "644 0:0 kept.tgz",
        "644 0:0 par/sub/deep/f",
        "777 0:0 'without/abs' -> '/etc/passwd'",
        "644 0:0 linked/here",
        "644 0:0 sp/with space",
        "644 0:0 skip/keep.txt",
        "644 0:0 heredoc",
        "644 0:0 wd/a",
        "keep.txt",
        "abs",
        "out",
        "text expanded",
        "",
      ].join("\n"),
    );
  });

  test("mounts of every kind bring what they say and leave nothing in the layer", async () => {
    await using context = await makeContext({
      a: "from the context\n",
      Dockerfile: [
        "FROM busybox AS other",
        "RUN echo other >/o",
        "FROM busybox",
        "RUN --mount=type=cache,target=/c1 echo one >>/c1/log",
        "RUN --mount=type=cache,target=/c1,readonly cat /c1/log >/cached",
        "RUN --mount=type=tmpfs,target=/t,size=1m df /t | tail -1 | awk '{print $2}' >/tmpsize; touch /t/x",
        "RUN --mount=type=bind,target=/b cat /b/a >/bound; ! touch /b/x 2>/dev/null",
        "RUN --mount=type=bind,target=/b,rw touch /b/x",
        "RUN --mount=type=bind,from=other,source=/o,target=/deep/er/o cat /deep/er/o >/from-stage",
        "RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent",
        "RUN --network=none test $(ip addr | grep -c 'inet ') = 1",
        "RUN echo $(hostname) $(id -u) >/who",
      ].join("\n"),
    });
    const built = await context.build(daemon, ["-t", "mounted"]);
    expect(built.stderr).not.toContain("returned a non-zero code");
    expect(built.code).toBe(0);
    expect(await inImage("mounted", "cat /cached /tmpsize /bound /from-stage /who")).toBe(
      "one\n1024\nfrom the context\nother\nbuildkitsandbox 0\n",
    );
    expect(await inImage("mounted", "ls -d /c1 /t /b /deep 2>/dev/null || true")).toBe("");
    const required = await makeContext({ Dockerfile: "FROM busybox\nRUN --mount=type=secret,id=s,required true\n" });
    expect((await required.build(daemon)).stderr).toContain("secret s: not found");
    await required[Symbol.asyncDispose]();
  });

  test("parameters reach the build: arguments, labels, hosts, limits, network, target, no-cache", async () => {
    await using context = await makeContext({
      Dockerfile:
        "FROM busybox AS first\nARG V=none\nRUN echo $V >/v; grep -c mark /etc/hosts >/hosts; df -k /dev/shm | tail -1 | awk '{print $2}' >/shm\n" +
        "RUN cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null >/limit; ulimit -n >/nofile; cat /proc/sys/kernel/random/uuid >/now\nFROM first AS second\nRUN false\n",
    });
    const words = ["--target", "first", "--build-arg", "V=given", "--label", "l=1", "--add-host", "mark:1.2.3.4"];
    const limits = ["--shm-size", "8m", "--memory", "64m", "--ulimit", "nofile=100:200"];
    const built = await context.build(daemon, ["-q", "-t", "params", ...words, ...limits]);
    expect(built.code).toBe(0);
    expect(await inImage("params", "cat /v /hosts /shm /limit /nofile")).toBe("given\n1\n8192\n67108864\n100\n");
    const label = await daemon.docker(["inspect", "-f", "{{.Config.Labels.l}}", "params"]);
    expect(label.stdout).toBe("1\n");
    const before = await inImage("params", "cat /now");
    await context.build(daemon, ["-q", "-t", "params", "--no-cache", "--target", "first"]);
    expect(await inImage("params", "cat /now")).not.toBe(before);
  });

  test("squash leaves one layer above the base", async () => {
    await using context = await makeContext({
      Dockerfile:
        "FROM busybox\nRUN echo 1 >/one; echo gone >/gone\nRUN rm /gone; rm /etc/group; echo 2 >>/one\nRUN mkdir -p /d/e\n",
    });
    // docker's client offers --squash only to an experimental daemon.
    const tar = (await Bun.$`tar -C ${context.directory} -c .`.quiet()).stdout;
    expect(await post("t=squashed&squash=1", tar)).toContain("Successfully tagged squashed:latest");
    const layers = await daemon.docker(["inspect", "-f", "{{len .RootFS.Layers}}", "squashed"]);
    expect(layers.stdout).toBe("2\n");
    expect(await inImage("squashed", "cat /one; ls -d /gone /etc/group /d/e 2>/dev/null; true")).toBe("1\n2\n/d/e\n");
  });
});

describe("the cache", () => {
  test("holds for the content of what is copied, not for its time; a change is found", async () => {
    await using context = await makeContext({
      a: "1",
      b: "1",
      Dockerfile: "FROM busybox\nCOPY a /a\nRUN cat /proc/sys/kernel/random/uuid >/t\n",
    });
    const build = async () => {
      await context.build(daemon, ["-q", "-t", "cached"]);
      return await inImage("cached", "cat /t");
    };
    const first = await build();
    await utimes(`${context.directory}/a`, 1_500_000_000, 1_500_000_000);
    await context.write({ b: "2" });
    expect(await build()).toBe(first);
    await context.write({ a: "2" });
    expect(await build()).not.toBe(first);
    await context.write({ a: "1" });
    expect(await build()).toBe(first);
  });

  test("a stage that is built anew to the same content does not spoil the next one", async () => {
    const dockerfile = (salt: string) =>
      `FROM busybox AS make\nRUN echo ${salt} >/salt; echo same >/out; touch -d 2020-01-01 /out\nFROM busybox\nCOPY --from=make /out /\nRUN cat /proc/sys/kernel/random/uuid >/t\n`;
    await using context = await makeContext({ Dockerfile: dockerfile("1") });
    await context.build(daemon, ["-q", "-t", "stages"]);
    const first = await inImage("stages", "cat /t");
    await context.write({ Dockerfile: dockerfile("2") });
    const again = await context.build(daemon, ["-t", "stages"]);
    expect(again.stdout.match(/Using cache/g)).toHaveLength(2);
    expect(await inImage("stages", "cat /t")).toBe(first);
  });

  test("survives kill -9 and a restart", async () => {
    await using context = await makeContext({ Dockerfile: "FROM busybox\nRUN cat /proc/sys/kernel/random/uuid >/t\n" });
    await context.build(daemon, ["-q", "-t", "kept"]);
    const first = await inImage("kept", "cat /t");
    await daemon.kill();
    await daemon.restart();
    const again = await context.build(daemon, ["-t", "kept"]);
    expect(again.stdout).toContain("Using cache");
    expect(await inImage("kept", "cat /t")).toBe(first);
  });

  test("is told by system df and emptied by builder prune, with docker's filters", async () => {
    const prune = (...words: string[]) =>
      daemon.docker(["builder", "prune", "-f", ...words], { env: { DOCKER_BUILDKIT: "0" } });
    const rows = async () => {
      const usage = (await (await daemon.api("GET", "/v1.51/system/df?type=build-cache")).json()) as {
        BuildCache: { ID: string; Type: string; Size: number; InUse: boolean }[];
      };
      return usage.BuildCache;
    };
    await using context = await makeContext({
      Dockerfile:
        "FROM busybox\nRUN --mount=type=cache,target=/c,id=pruned head -c 100000 /dev/zero >/c/f\nRUN head -c 50000 /dev/zero >/f\n",
    });
    await context.build(daemon, ["-q"]);
    const before = await rows();
    const mount = before.find(({ Type, Size }) => Type === "exec.cachemount" && Size >= 100_000)!;
    expect(mount).toBeDefined();
    expect(before.some(({ Type, Size }) => Type === "regular" && Size >= 50_000)).toBeTrue();
    expect((await daemon.docker(["system", "df", "-v"])).stdout).toContain("exec.cachemount");
    expect((await prune("--filter", "until=1h")).stdout).toContain("Total reclaimed space: 0B");
    expect((await prune("--filter", "nonsense=1")).stderr).toContain("invalid filter 'nonsense'");
    const some = await prune("--filter", `id=${mount.ID}`);
    expect(some.stdout).toContain(mount.ID);
    expect((await rows()).some(({ ID }) => ID === mount.ID)).toBeFalse();
    expect((await prune("-a")).stdout).toMatch(/Total reclaimed space: [1-9]/);
    expect(await rows()).toEqual([]);
    // Images keep what they stand on.
    expect(await inImage("kept", "cat /t | wc -l")).toBe("1\n");
    await daemon.docker(["image", "prune", "-f"]);
  });
});

test("independent stages run at the same time", async () => {
  const asked = new Set<string>();
  const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
  // Each stage is answered when the other asks too.
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch({ url }) {
      if (asked.add(url).size === 2) resolve();
      await bothAsked;
      return new Response("met\n");
    },
  });
  const stage = (name: string) =>
    `FROM busybox AS ${name}\nRUN wget -q -O /${name} http://127.0.0.1:${server.port}/${name}\n`;
  await using context = await makeContext({
    Dockerfile: `${stage("a")}${stage("b")}FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\n`,
  });
  expect((await context.build(daemon, ["-q", "-t", "both", "--network", "host"])).code).toBe(0);
  expect(await inImage("both", "cat /a /b")).toBe("met\nmet\n");
});

test("two builds of the same share their steps", async () => {
  await using context = await makeContext({
    Dockerfile: "FROM busybox\nRUN sleep 1; cat /proc/sys/kernel/random/uuid >/t\n",
  });
  const results = await Promise.all(["s1", "s2"].map((name) => context.build(daemon, ["-q", "-t", name])));
  expect(results.map(({ code }) => code)).toEqual([0, 0]);
  expect(await inImage("s1", "cat /t")).toBe(await inImage("s2", "cat /t"));
});

test("a step's flood of output does not fill the daemon's memory while its client reads nothing", async () => {
  await using context = await makeContext({ Dockerfile: "FROM busybox\nRUN seq 1 3000000\n" });
  const tar = (await Bun.$`tar -C ${context.directory} -c .`.quiet()).stdout;
  const before = await residentBytes(daemon.pid);
  const socket = connect(daemon.socketPath);
  socket.write(
    `POST /build?t=flood HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: ${tar.length}\r\n\r\n`,
  );
  socket.write(tar);
  socket.pause();
  await Bun.sleep(2000);
  expect((await residentBytes(daemon.pid)) - before).toBeLessThan(150e6);
  socket.resume();
  let seen = "";
  for await (const chunk of socket) {
    seen = (seen + chunk.toString()).slice(-4000);
    if (seen.includes("Successfully tagged")) break;
  }
  expect(seen).toContain("3000000\\n");
  socket.destroy();
});

async function residentBytes(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

describe("hostile contexts", () => {
  test("links that lead out are followed inside the context, not outside", async () => {
    await using context = await makeContext({
      out: { link: "/etc/hostname" },
      "dir/up": { link: "../../../../../../../etc" },
      Dockerfile: "FROM busybox\nCOPY out /got\n",
    });
    expect((await context.build(daemon)).stderr).toContain("stat out: file does not exist");
    await context.write({ Dockerfile: "FROM busybox\nCOPY dir/up/hostname /got\n" });
    expect((await context.build(daemon)).code).not.toBe(0);
  });

  test("links in the image lead nowhere outside of it", async () => {
    const marker = `/tmp/naru-build-escape-${process.pid}`;
    await using context = await makeContext({
      a: "x",
      Dockerfile: `FROM busybox\nRUN mkdir -p /tmp; ln -s ${marker} /link; ln -s / /root-link\nCOPY a ${"/root-link"}${marker}/a\nCOPY a /link/b\n`,
    });
    const built = await context.build(daemon, ["-q", "-t", "escape"]);
    expect(await Bun.file(`${marker}/a`).exists()).toBeFalse();
    expect(await Bun.file(`${marker}/b`).exists()).toBeFalse();
    expect(built.code).toBe(0);
    expect(await inImage("escape", `ls ${marker}`)).toBe("a\nb\n");
  });

  test("an archive with names that climb is refused; devices are not opened", async () => {
    const script = `import tarfile,io,sys
t=tarfile.open(fileobj=sys.stdout.buffer,mode='w|')
def add(name,data=b'',**k):
    i=tarfile.TarInfo(name); i.size=len(data)
    for a,b in k.items(): setattr(i,a,b)
    t.addfile(i,io.BytesIO(data))
add('Dockerfile',b'FROM busybox\\nCOPY . /all\\n')
add('zero',type=tarfile.CHRTYPE,devmajor=1,devminor=5)
add('fifo',type=tarfile.FIFOTYPE)
if len(sys.argv)>1: add(sys.argv[1],b'evil')
t.close()`;
    const tar = async (...words: string[]) => (await Bun.$`python3 -c ${script} ${words}`.quiet()).stdout;
    expect(await post("t=devices", await tar())).toContain("Successfully tagged devices:latest");
    expect(await inImage("devices", "stat -c '%F' /all/zero /all/fifo")).toBe("character special file\nfifo\n");
    const evil = `../../../../../../tmp/naru-evil-${process.pid}`;
    await post("t=evil", await tar(evil));
    expect(await Bun.file(`/tmp/naru-evil-${process.pid}`).exists()).toBeFalse();
  });
});

test("a base is pulled with the login that docker sends along, anew when --pull asks for it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "naru-build-login-"));
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  const password = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  await writeFile(join(folder, "htpasswd"), `ann:${password}\n`);
  await using registry = await startNaruRegistry({ flags: ["--htpasswd", join(folder, "htpasswd")] });
  const base = `${registry.host}/base:1`;
  const DOCKER_CONFIG = join(folder, "config");
  const docker = async (...words: string[]) => {
    const result = await daemon.docker(words, { env: { DOCKER_CONFIG, DOCKER_BUILDKIT: "0" }, stdin: "secret" });
    return result.stdout + result.stderr;
  };
  await docker("login", "-u", "ann", "--password-stdin", registry.host);
  const publish = async (image: string) => {
    await docker("tag", image, base);
    expect(await docker("push", base)).toContain("digest: sha256:");
    await docker("rmi", base);
  };
  await publish("busybox");
  await using context = await makeContext({ Dockerfile: `FROM ${base}\nRUN ls -d /marked || true\n` });
  expect((await context.build(daemon)).stderr).toMatch(/no basic auth credentials|unauthorized|denied/);
  const built = await docker("build", context.directory);
  expect(built).toContain("Successfully built");
  expect(built).not.toContain("\n/marked\n");
  await using marked = await makeContext({ Dockerfile: "FROM busybox\nRUN touch /marked\n" });
  await marked.build(daemon, ["-q", "-t", "marked"]);
  await docker("tag", base, "kept-base");
  await publish("marked");
  await docker("tag", "kept-base", base);
  expect(await docker("build", context.directory)).toContain("Using cache");
  expect(await docker("build", "--pull", context.directory)).toContain("\n/marked\n");
});

test("an image that is removed, and the cache, take all of their files with them", async () => {
  await using context = await makeContext({
    a: "1",
    Dockerfile: "FROM busybox\nCOPY a /a\nRUN echo x >/x\nCOPY --link a /b\n",
  });
  expect((await context.build(daemon, ["-q", "-t", "gone"])).code).toBe(0);
  const prune = () => daemon.docker(["builder", "prune", "-af"], { env: { DOCKER_BUILDKIT: "0" } });
  await prune();
  expect(await inImage("gone", "cat /a /b")).toBe("11");
  const images = (await daemon.docker(["images", "-aq", "--no-trunc"])).stdout.split("\n").filter(Boolean);
  const base = (await daemon.docker(["inspect", "-f", "{{.Id}}", "busybox"])).stdout.trim();
  await daemon.docker(["rmi", "-f", ...new Set(images.filter((id) => id !== base))]);
  await eventually(
    async () => (await run(["ls", `${daemon.dataRoot}/snapshots`])).stdout.trim().split("\n").length === 2,
  );
  const blobs = (await run(["ls", `${daemon.dataRoot}/blobs/sha256`])).stdout.trim().split("\n");
  expect(blobs).toHaveLength(3);
});

describe("what ends early leaves nothing", () => {
  /** Mounts that are not the daemon's stock of network namespaces, and cgroups below its own. */
  const objects = async () =>
    (await leftovers(daemon)).filter((line) =>
      line.startsWith("mount ") ? !line.endsWith(" nsfs") : /^cgroup .*\/naru-\w+\//.test(line),
    );
  /** Of no other sleep on this machine. */
  const SLEEP = `sleep ${800_000 + process.pid}`;
  const drafts = async () => (await run(["ls", `${daemon.dataRoot}/snapshots`])).stdout.split("\n").length;

  test("a client that goes away ends the running step", async () => {
    await using context = await makeContext({ Dockerfile: `FROM busybox\nRUN ${SLEEP}\n` });
    const before = await drafts();
    const child = Bun.spawn([DOCKER, "build", context.directory], {
      env: { ...process.env, ...daemon.env, DOCKER_BUILDKIT: "0" },
      stdout: "ignore",
      stderr: "ignore",
    });
    await eventually(async () => (await processesOf(SLEEP)).length > 0);
    child.kill("SIGKILL");
    await child.exited;
    await eventually(async () => (await runningSteps(daemon, SLEEP)).length === 0);
    await eventually(async () => (await drafts()) === before);
    await eventually(async () => (await run(["ls", `${daemon.dataRoot}/builder/contexts`])).stdout === "");
    expect(await objects()).toEqual([]);
  });

  test("so does kill -9 of the daemon in the middle of a build, after the next start", async () => {
    await using context = await makeContext({
      big: new Uint8Array(3_000_000),
      Dockerfile: `FROM busybox\nCOPY big /big\nRUN --mount=type=bind,target=/b --mount=type=cache,target=/c ${SLEEP}\n`,
    });
    const before = await drafts();
    const building = context.build(daemon, []);
    await eventually(async () => (await processesOf(SLEEP)).length > 0);
    await daemon.kill();
    await building;
    await daemon.restart();
    await eventually(async () => (await runningSteps(daemon, SLEEP)).length === 0);
    // The copied layer was finished and stays in the cache.
    await eventually(async () => (await drafts()) === before + 1);
    await eventually(async () => (await run(["ls", `${daemon.dataRoot}/builder/contexts`])).stdout === "");
    expect(await objects()).toEqual([]);
    await context.write({ Dockerfile: "FROM busybox\nCOPY big /big\nRUN true\n" });
    const again = await context.build(daemon, []);
    expect(again.stdout).toContain("Using cache");
    expect(again.code).toBe(0);
  });
});
