/** The registry inside the daemon: same process, same clients, and the daemon answers while it works. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, importBusybox, NARU, run, startDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { blobOf, digestOf } from "../support/registry-content.ts";

test("docker pushes to the daemon's own registry and pulls again; what it holds outlives a kill", async () => {
  const port = await freePort();
  await using daemon = await startDaemon({ flags: ["--registry", `127.0.0.1:${port}`] });
  await importBusybox(daemon);
  const name = `localhost:${port}/team/box:v1`;
  await daemon.docker(["tag", "busybox", name]);
  expect((await daemon.docker(["push", "-q", name])).stderr).toBe("");
  expect(await Bun.file(join(daemon.dataRoot, "registry/layout")).exists()).toBe(true);
  await daemon.kill("SIGKILL");
  await daemon.restart();
  await daemon.docker(["rmi", name, "busybox"]);
  expect((await daemon.docker(["run", "--rm", name, "echo", "from the registry"])).stdout).toBe("from the registry\n");
  const page = await (await fetch(`http://127.0.0.1:${port}/r/team/box:v1`)).text();
  expect(page).toContain("linux/");
});

test("a section of the daemon's configuration file sets it up; SIGHUP and shutdown reach it", async () => {
  const port = await freePort();
  const flags: string[] = [];
  await using daemon = await startDaemon({ flags });
  await daemon.kill("SIGTERM");
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  await Bun.write(join(daemon.root, "htpasswd"), `ann:${hash}\n`);
  const registry = {
    addr: `127.0.0.1:${port}`,
    root: join(daemon.root, "registry"),
    tls: { selfSigned: ["localhost"] },
    access: { htpasswd: join(daemon.root, "htpasswd") },
  };
  await Bun.write(join(daemon.root, "daemon.json"), JSON.stringify({ registry }));
  flags.push("--config-file", join(daemon.root, "daemon.json"));
  await daemon.restart();
  const ask = (headers = {}) => fetch(`https://localhost:${port}/v2/`, { headers, tls: { rejectUnauthorized: false } });
  expect((await ask()).status).toBe(401);
  expect((await ask({ authorization: `Basic ${btoa("ann:secret")}` })).status).toBe(200);
  process.kill(daemon.pid, "SIGHUP");
  await eventually(async () => (await daemon.logText()).includes("the certificate was renewed"));
  expect((await ask({ authorization: `Basic ${btoa("ann:secret")}` })).status).toBe(200);
  expect(await daemon.logText()).toContain(`certs.d/localhost:${port}/ca.crt`);
  await daemon.kill("SIGTERM");
  await expect(ask()).rejects.toThrow();
});

test.each([
  [["--registry", "5000"], 'invalid address of the registry "5000": write HOST:PORT'],
  [["--registry-config", "/no/such"], "registry-config is for the daemon's registry"],
  [["--registry", "127.0.0.1:1", "--registry-config", "/no/such"], "/no/such: there is no such file"],
])("naru daemon %j is refused in words", async (flags, words) => {
  const result = await run([NARU, "daemon", "--validate", ...flags]);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(words);
});

test("the daemon answers at once while its registry takes and sends large layers", async () => {
  const port = await freePort();
  await using daemon = await startDaemon({ flags: ["--registry", `127.0.0.1:${port}`] });
  const layer = blobOf(48 * 1024 * 1024).bytes;
  const digest = digestOf(layer);
  const url = `http://127.0.0.1:${port}/v2/big/blobs`;
  let isBusy = true;
  const transfers = async () => {
    for (let i = 0; i < 3; i++) {
      const begun = await fetch(`${url}/uploads/`, { method: "POST" });
      const location = new URL(begun.headers.get("location")!, url);
      location.searchParams.set("digest", digest);
      const stored = await fetch(location, { method: "PUT", body: new Blob([layer as Uint8Array<ArrayBuffer>]) });
      expect(stored.status).toBe(201);
      const back = await fetch(`${url}/${digest}`);
      expect((await back.arrayBuffer()).byteLength).toBe(layer.length);
    }
    isBusy = false;
  };
  // This process moves bytes too and must not be what is measured: curl asks.
  const pings: number[] = [];
  const asking = async () => {
    while (isBusy) {
      const ping = await run([
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{time_total}",
        "--unix-socket",
        daemon.socketPath,
        "http://naru/_ping",
      ]);
      pings.push(Number(ping.stdout));
    }
  };
  const begunAt = performance.now();
  await Promise.all([transfers(), asking()]);
  // A busy machine makes both slower.
  const seconds = (performance.now() - begunAt) / 1000;
  pings.sort((a, b) => a - b);
  expect(pings.length).toBeGreaterThan(5);
  expect(pings[Math.floor(pings.length / 2)]!).toBeLessThan(Math.max(0.05, seconds / 40));
  expect(pings.at(-1)!).toBeLessThan(Math.max(0.5, seconds / 8));
});
