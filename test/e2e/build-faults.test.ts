/** A build on a disk that fills up, and one whose client lies about its context. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeContext } from "../support/build-context.ts";
import { eventually, importBusybox, NARU, run, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** The data root is a small file system in a mount namespace of the daemon's own. */
const SMALL_DISK = `#!/bin/sh
for word; do [ "$last" = --data-root ] && root=$word; last=$word; done
mkdir -p "$root"
exec unshare -m --propagation private sh -c 'mount -t tmpfs -o size=24m tmpfs "$0"; exec "$@"' "$root" ${NARU} "$@"
`;

let scratch: string;
let daemon: TestDaemon;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-build-faults-"));
  const executable = join(scratch, "small-disk");
  await writeFile(executable, SMALL_DISK, { mode: 0o755 });
  daemon = await startDaemon({ executable });
  await importBusybox(daemon);
});
afterAll(async () => {
  await daemon?.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** What lies on the daemon's own disk. */
const inDataRoot = async (...words: string[]) =>
  (await run(["nsenter", "-t", String(daemon.pid), "-m", ...words])).stdout;
const snapshots = () => inDataRoot("ls", `${daemon.dataRoot}/snapshots`);

test("is told in clear words by RUN, by COPY and by the context, and leaves nothing behind", async () => {
  const before = await snapshots();
  await using writing = await makeContext({ Dockerfile: "FROM busybox\nRUN head -c 40000000 /dev/zero >/fill\n" });
  expect((await writing.build(daemon)).stderr).toContain("returned a non-zero code: 1");
  await eventually(async () => (await snapshots()) === before);

  await using copying = await makeContext({
    big: new Uint8Array(9_000_000),
    Dockerfile: "FROM busybox\nCOPY big /one\nCOPY big /two\n",
  });
  const copied = await copying.build(daemon);
  expect(copied.stderr).toMatch(/no space left on device|ENOSPC/i);
  await eventually(async () => !(await inDataRoot("ls", `${daemon.dataRoot}/builder/contexts`)).trim());

  await using sending = await makeContext({ big: new Uint8Array(30_000_000), Dockerfile: "FROM busybox\n" });
  expect((await sending.build(daemon)).stderr).toMatch(/no space left on device|ENOSPC/i);
  await eventually(async () => !(await inDataRoot("ls", `${daemon.dataRoot}/builder/contexts`)).trim());

  await daemon.docker(["builder", "prune", "-af"], { env: { DOCKER_BUILDKIT: "0" } });
  await eventually(async () => (await snapshots()) === before);
  await using small = await makeContext({ Dockerfile: "FROM busybox\nRUN echo room >/f\n" });
  expect((await small.build(daemon, ["-q", "-t", "room"])).code).toBe(0);
  expect(await daemon.logText()).not.toContain("unexpected");
});

test("an upload that breaks off or is no archive ends the build and leaves nothing", async () => {
  const tar = (await Bun.$`tar -C ${scratch} -c small-disk`.quiet()).stdout;
  const post = async (body: Uint8Array) => {
    const headers = { "Content-Type": "application/x-tar" };
    const response = await fetch("http://naru/build", { unix: daemon.socketPath, method: "POST", headers, body });
    return [response.status, await response.text()] as const;
  };
  const [status, words] = await post(tar.subarray(0, tar.length - 1500));
  expect(status).toBeGreaterThanOrEqual(400);
  expect(words).toMatch(/unexpected EOF|Cannot locate specified Dockerfile/);
  expect((await post(Buffer.from("this is no archive at all".repeat(100))))[0]).toBe(400);
  expect((await inDataRoot("ls", `${daemon.dataRoot}/builder/contexts`)).trim()).toBe("");
});
