/** The node agent with pods that really run. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isRoot } from "../support/image-fixture.ts";
import { TestNode } from "../support/test-node.ts";

const busybox = (name: string, script: string, more: object = {}) => ({
  name,
  image: "busybox",
  command: ["sh", "-c", script],
  ...more,
});
const FOREVER = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

describe.skipIf(!isRoot)("the node agent", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.open();
  });
  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
  });

  test("a pod runs: status, address, log, exec, and its end", async () => {
    const begin = performance.now();
    await node.create("one", { containers: [busybox("main", `echo hello from $HOSTNAME; ${FOREVER}`)] });
    const pod = await node.when("one", ({ status }) => status?.phase === "Running");
    console.log("running after", performance.now() - begin);
    expect(pod.status?.podIP).toMatch(/^10\./);
    expect(pod.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({ ready: true, started: true, restartCount: 0 });
    expect(await node.logs(pod)).toBe("hello from one\n");
    expect(await node.exec(pod, ["cat", "/etc/hostname"])).toEqual({ output: "one\n", code: 0 });
    expect((await node.exec(pod, ["sh", "-c", "exit 3"])).code).toBe(3);
    expect((await node.exec(pod, ["cat", "/etc/hosts"])).output).toContain(`${pod.status?.podIP}\tone\n`);
    await node.cluster.client
      .resource((await import("../../src/model/kubernetes/names.ts")).PODS)
      .delete("default", "one");
    await node.gone("one");
    expect(node.parts.engine.pods.find(pod.metadata.uid)).toBeUndefined();
  });
});
