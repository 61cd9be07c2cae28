/** Answers of a real daemon about real containers keep to the Engine API specification, where that lies beside the project. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { hasSpecification, responseFaults } from "../support/specification.ts";

/** Where docker 28.5 itself departs from its specification, as test/e2e/recorded shows. */
const DOCKERS_OWN = new Set([
  "$.status: not in the specification",
  "$.id: not in the specification",
  "$.from: not in the specification",
  "$.ExitCode: null",
  "$.HostConfig.MemorySwappiness: null",
]);
const faultsOf = (path: string, value: unknown) =>
  responseFaults("GET", path, 200, value).filter((fault) => !DOCKERS_OWN.has(fault));

let daemon: TestDaemon;
let execId = "";
beforeAll(async () => {
  if (!hasSpecification) return;
  daemon = await startDaemon();
  await importBusybox(daemon);
  await daemon.docker(["volume", "create", "--label", "a=b", "spec-volume"]);
  await daemon.docker(["network", "create", "--label", "a=b", "spec-network"]);
  await daemon.docker([
    ...[
      "run",
      "-d",
      "--name",
      "spec",
      "--network",
      "spec-network",
      "-p",
      "127.0.0.1::80",
      "-v",
      "spec-volume:/data",
      "-m",
      "64m",
    ],
    ...[
      "--health-cmd",
      "true",
      "--health-interval",
      "100ms",
      "--restart",
      "on-failure:2",
      "--ulimit",
      "nofile=100",
      "--init",
    ],
    ...[
      "--device",
      "/dev/null:/dev/mine",
      "--tmpfs",
      "/t",
      "--cpus",
      "0.5",
      "busybox",
      "sh",
      "-c",
      "echo up; touch /new; sleep 1000",
    ],
  ]);
  await daemon.docker(["create", "--name", "spec-created", "busybox"]);
  await daemon.docker(["run", "--name", "spec-exited", "busybox", "sh", "-c", "exit 3"]);
  const exec = await daemon.api("POST", "/v1.51/containers/spec/exec", { Cmd: ["sleep", "1000"] });
  execId = ((await exec.json()) as { Id: string }).Id;
  await daemon.api("POST", `/v1.51/exec/${execId}/start`, { Detach: true });
  await Bun.sleep(400);
});
afterAll(() => daemon?.stop());

/** Path of the specification, query, and what stands for {id} or {name}. */
const ASKED: [path: string, query?: string, name?: string][] = [
  ["/version"],
  ["/info"],
  ["/system/df"],
  ["/containers/json", "?all=1&size=1"],
  ["/containers/{id}/json", "?size=1", "spec"],
  ["/containers/{id}/json", "", "spec-created"],
  ["/containers/{id}/json", "", "spec-exited"],
  ["/containers/{id}/top", "", "spec"],
  ["/containers/{id}/changes", "", "spec"],
  ["/containers/{id}/stats", "?stream=0", "spec"],
  ["/images/json", "?all=1&shared-size=1"],
  ["/images/{name}/json", "", "busybox"],
  ["/images/{name}/history", "", "busybox"],
  ["/networks"],
  ["/networks/{id}", "?verbose=1", "spec-network"],
  ["/networks/{id}", "", "host"],
  ["/volumes"],
  ["/volumes/{name}", "", "spec-volume"],
  ["/exec/{id}/json", "", "exec"],
];

for (const [path, query = "", name = ""] of ASKED) {
  test.skipIf(!hasSpecification)(`GET ${path}${query} ${name}`.trim(), async () => {
    const target = path.replace(/\{(id|name)\}/, name === "exec" ? execId : name);
    const response = await daemon.api("GET", `/v1.51${target}${query}`);
    expect(response.status).toBe(200);
    expect(faultsOf(path, await response.json())).toEqual([]);
  });
}

test.skipIf(!hasSpecification)("every event keeps to the specification", async () => {
  const until = Math.ceil(Date.now() / 1000);
  const response = await daemon.api("GET", `/v1.51/events?since=${until - 3600}&until=${until}`);
  const events = (await response.text()).trim().split("\n");
  expect(events.length).toBeGreaterThan(10);
  for (const event of events) expect(faultsOf("/events", JSON.parse(event))).toEqual([]);
});
