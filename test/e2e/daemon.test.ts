/** The daemon's own manners: start time, flags, configuration file, sockets, TLS, shutdown, several side by side. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DOCKER, eventually, importBusybox, NARU, run, startDaemon } from "../support/daemon.ts";
import { PATIENCE } from "../support/patience.ts";
import { processorMsOf } from "../support/processor-time.ts";

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-daemon-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

test("answers when it has used 150 ms of processor time (median of five)", async () => {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const root = join(scratch, `start${i}`);
    const socket = `${root}.sock`;
    const child = Bun.spawn(
      [
        NARU,
        "daemon",
        "-H",
        `unix://${socket}`,
        "--data-root",
        root,
        "--exec-root",
        `${root}-exec`,
        "--pidfile",
        `${root}.pid`,
      ],
      {
        stdout: "ignore",
        stderr: "ignore",
      },
    );
    while (
      !(await fetch("http://naru/_ping", { unix: socket }).then(
        (r) => r.ok,
        () => false,
      ))
    )
      await Bun.sleep(1);
    times.push(await processorMsOf(child.pid));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  }
  expect(times.sort((a, b) => a - b)[2]).toBeLessThan(150 * PATIENCE);
});

test("the socket is root's and group-writable; it and the pid file are gone after the end", async () => {
  const daemon = await startDaemon();
  const info = await stat(daemon.socketPath);
  expect(info.mode & 0o777).toBe(0o660);
  expect(Number(await Bun.file(join(daemon.root, "naru.pid")).text())).toBe(daemon.pid);
  await daemon.kill("SIGTERM");
  expect(await Bun.file(join(daemon.root, "naru.pid")).exists()).toBe(false);
  expect(await stat(daemon.socketPath).catch(() => "gone")).toBe("gone");
  await daemon.stop();
});

test("two daemons side by side do not see each other's containers", async () => {
  await using a = await startDaemon();
  await using b = await startDaemon();
  await Promise.all([importBusybox(a), importBusybox(b)]);
  for (const daemon of [a, b])
    expect((await daemon.docker(["run", "-d", "--name", "same", "busybox", "sleep", "1000"])).code).toBe(0);
  const ids = await Promise.all([a, b].map(async (d) => (await d.docker(["ps", "-q"])).stdout));
  expect(ids[0]).not.toBe(ids[1]);
  expect((await a.docker(["rm", "-f", "same"])).code).toBe(0);
  expect((await b.docker(["ps", "--format", "{{.Names}}"])).stdout).toBe("same\n");
});

describe("configuration", () => {
  const start = (...flags: string[]) =>
    run([NARU, "daemon", "--data-root", join(scratch, "d"), "--exec-root", join(scratch, "e"), ...flags], {
      timeoutMs: 5000,
    });
  test("an unknown flag", async () => {
    const result = await start("--nonsense");
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("unknown flag: --nonsense");
  });
  test("an unknown key in the file", async () => {
    await writeFile(join(scratch, "bad.json"), '{"nonsense": 1}');
    const result = await start("--config-file", join(scratch, "bad.json"));
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("nonsense");
  });
  test("a key that is given as a flag too", async () => {
    await writeFile(join(scratch, "twice.json"), '{"pidfile": "/tmp/x"}');
    const result = await start("--config-file", join(scratch, "twice.json"), "--pidfile", "/tmp/y");
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("specified both as a flag and in the configuration file");
  });
  test("broken JSON", async () => {
    await writeFile(join(scratch, "broken.json"), "{");
    expect((await start("--config-file", join(scratch, "broken.json"))).code).not.toBe(0);
  });
  test("an address that cannot be listened on", async () => {
    const result = await start("-H", "tcp://203.0.113.7:1");
    expect(result.code).not.toBe(0);
  });
  test("keys of the file take effect", async () => {
    await writeFile(
      join(scratch, "good.json"),
      JSON.stringify({
        "default-ulimits": { nofile: { Name: "nofile", Soft: 77, Hard: 99 } },
        labels: ["a=b"],
        experimental: true,
        bip: "10.87.1.1/24",
      }),
    );
    await using daemon = await startDaemon({ flags: ["--config-file", join(scratch, "good.json")] });
    await importBusybox(daemon);
    const result = await daemon.docker(["run", "--rm", "busybox", "sh", "-c", "ulimit -n; ip -4 -o addr show eth0"]);
    expect(result.stdout).toMatch(/^77\n.*10\.87\.1\.2\/24/);
    const info = await daemon.docker(["info", "-f", "{{.Labels}} {{.ExperimentalBuild}}"]);
    expect(info.stdout).toBe("[a=b] true\n");
    expect((await daemon.docker(["version", "-f", "{{.Server.Experimental}}"])).stdout).toBe("true\n");
    expect((await daemon.api("GET", "/_ping")).headers.get("docker-experimental")).toBe("true");
  });
  test("log lines as JSON", async () => {
    await using daemon = await startDaemon({ flags: ["--log-format", "json"] });
    const lines = (await daemon.logText()).trim().split("\n");
    const entries = lines.map((line) => JSON.parse(line));
    for (const entry of entries) expect(entry).toMatchObject({ level: expect.any(String), msg: expect.any(String) });
    expect(entries).toContainEqual(expect.objectContaining({ level: "info", msg: "the daemon is ready" }));
  });
});

test("TCP with client certificates: a client with one is served, others are not", async () => {
  const files = await makeCertificates(scratch);
  const port = 20000 + (process.pid % 20000);
  await using daemon = await startDaemon({
    flags: [
      "-H",
      `tcp://127.0.0.1:${port}`,
      "--tlsverify",
      "--tlscacert",
      files.ca,
      "--tlscert",
      files.serverCert,
      "--tlskey",
      files.serverKey,
    ],
  });
  const flags = [
    "-H",
    `tcp://127.0.0.1:${port}`,
    "--tlsverify",
    "--tlscacert",
    files.ca,
    "--tlscert",
    files.clientCert,
    "--tlskey",
    files.clientKey,
  ];
  const env = { DOCKER_HOST: "" };
  for (const client of [DOCKER, NARU]) {
    const allowed = await run([client, ...flags, "version", "--format", "{{.Server.APIVersion}}"], { env });
    expect(allowed).toEqual({ code: 0, stdout: "1.51\n", stderr: "" });
    const refused = await run([client, "-H", `tcp://127.0.0.1:${port}`, "--tls", "version"], { env });
    expect(refused.code).not.toBe(0);
  }
  await importBusybox(daemon);
  const attached = await run([DOCKER, ...flags, "run", "--rm", "-i", "busybox", "cat"], { env, stdin: "over tls" });
  expect(attached.stdout).toBe("over tls");
});

test("malformed requests are answered, and the daemon goes on", async () => {
  await using daemon = await startDaemon();
  const raw = (text: string) =>
    new Promise<string>((resolve) => {
      let answer = "";
      const socket = createConnection(daemon.socketPath, () => socket.end(text));
      socket.on("data", (data) => {
        answer += data;
      });
      socket.on("close", () => resolve(answer));
      socket.on("error", () => resolve(answer));
    });
  expect(await raw("nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400|^$/);
  expect(await raw("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{")).toMatch(
    /^HTTP\/1\.1 4|^$/,
  );
  expect(await raw(`GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 4|^$/);
  expect(await raw("GET /containers/%zz/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 4/,
  );
  expect((await daemon.api("GET", "/_ping")).status).toBe(200);
});

test("what naru does not have answers 501 with Docker's error body", async () => {
  await using daemon = await startDaemon();
  for (const [method, path] of [
    ["POST", "/v1.51/swarm/init"],
    ["POST", "/v1.51/plugins/pull?remote=x"],
    ["POST", "/v1.51/plugins/create?name=x"],
  ] as const) {
    const response = await daemon.api(method, path);
    expect(response.status).toBe(501);
    expect(((await response.json()) as { message: string }).message.length).toBeGreaterThan(10);
  }
});

test("a stopped daemon leaves its containers running and the next one finds them", async () => {
  const daemon = await startDaemon();
  await importBusybox(daemon);
  await daemon.docker(["run", "-d", "--name", "stay", "busybox", "sleep", "1000"]);
  await daemon.kill("SIGTERM");
  await daemon.restart();
  await eventually(
    async () => (await daemon.docker(["inspect", "-f", "{{.State.Status}}", "stay"])).stdout === "running\n",
  );
  await daemon.stop();
});

async function makeCertificates(dir: string) {
  const path = (name: string) => join(dir, name);
  await run([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=ca",
    "-keyout",
    path("ca.key"),
    "-out",
    path("ca.pem"),
  ]);
  for (const [who, extra] of [
    ["server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth"],
    ["client", "extendedKeyUsage=clientAuth"],
  ] as const) {
    await writeFile(path(`${who}.ext`), extra);
    await run([
      "openssl",
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      `/CN=${who}`,
      "-keyout",
      path(`${who}.key`),
      "-out",
      path(`${who}.csr`),
    ]);
    await run([
      "openssl",
      "x509",
      "-req",
      "-days",
      "2",
      "-in",
      path(`${who}.csr`),
      "-CA",
      path("ca.pem"),
      "-CAkey",
      path("ca.key"),
      "-CAcreateserial",
      "-extfile",
      path(`${who}.ext`),
      "-out",
      path(`${who}.pem`),
    ]);
  }
  return {
    ca: path("ca.pem"),
    serverCert: path("server.pem"),
    serverKey: path("server.key"),
    clientCert: path("client.pem"),
    clientKey: path("client.key"),
  };
}
