/** Pods as the conformance requirements of the node list them: commands, variables, init containers, hooks, probes, who they are. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { ClusterPods } from "../support/cluster-pods.ts";
import { conformance } from "../support/conformance.ts";
import { busyboxTar, eventually } from "../support/daemon.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

let cluster: TestClusterDaemon;
let pods: ClusterPods;
beforeAll(async () => {
  pods = await ClusterPods.start(["--cluster-max-container-restart-period", "1s"]);
  ({ cluster } = pods);
  const changes = ['ENTRYPOINT ["echo", "entry"]', 'CMD ["cmd"]'].flatMap((change) => ["--change", change]);
  await cluster.daemon.docker(["import", ...changes, "-", "talker:test"], { stdin: await busyboxTar() });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const node = (words: string) => conformance(`[sig-node] ${words}`);
const NODE = "[NodeConformance] [Conformance]";
const LINUX = `[LinuxOnly] ${NODE}`;
const MERGE = "application/merge-patch+json";
const FOREVER = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
const env = (...variables: object[]) => ({ env: variables });
const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const ended = (pod: Json) => ["Succeeded", "Failed"].includes(pod.status?.phase);
const isReady = (pod: Json) =>
  pod.status?.conditions?.some((one: Json) => one.type === "Ready" && one.status === "True");
const main = (pod: Json) => pod.status?.containerStatuses?.[0];

describe("probes", () => {
  const quick = { periodSeconds: 1, failureThreshold: 1 };
  const web = "httpd -p 8080 -vv -h /var/www; echo ok > /var/www/healthz; touch /tmp/health";
  const counted = (pod: Json) => main(pod)?.restartCount ?? 0;
  const words = (text: string) => node(`Probing container ${text} ${NODE}`);
  /** Answers every call of a health check with SERVING, in canned frames. */
  const grpc = (() => {
    const frame = (type: string, flags: string, stream: string, payload: string) =>
      `\\x00\\x00\\x${(payload.length / 4).toString(16).padStart(2, "0")}\\x${type}\\x${flags}\\x00\\x00\\x00\\x${stream}${payload}`;
    const bytes =
      frame("04", "00", "00", "") +
      frame("01", "04", "01", "\\x88") +
      frame("00", "01", "01", "\\x00\\x00\\x00\\x00\\x02\\x08\\x01");
    return `printf '#!/bin/sh\\nprintf "%s"; sleep 1\\n' '${bytes}' > /tmp/answer; chmod +x /tmp/answer; nc -ll -p 5000 -e /tmp/answer &`;
  })();
  const staying = [
    [
      "should *not* be restarted with a /healthz http liveness probe",
      web,
      { httpGet: { path: "/healthz", port: 8080 } },
    ],
    [
      "should *not* be restarted with a tcp:8080 liveness probe",
      `${web}; (sleep 1; rm /var/www/healthz) &`,
      { tcpSocket: { port: 8080 } },
    ],
    [
      'should *not* be restarted with a exec "cat /tmp/health" liveness probe',
      web,
      { exec: { command: ["cat", "/tmp/health"] } },
    ],
    ["should *not* be restarted with a GRPC liveness probe", grpc, { grpc: { port: 5000 } }],
  ] as const;
  test.concurrent.each(staying.map(([title, ...rest]) => [words(title), ...rest] as const))(
    "%s",
    async (_, script, handler) => {
      const name = await pods.pod(
        `${script}\n${FOREVER}`,
        { restartPolicy: "Always" },
        { livenessProbe: { ...handler, ...quick, initialDelaySeconds: 1, failureThreshold: 3 } },
      );
      const pod = await pods.running(name);
      const begun = Date.parse(main(pod).state.running.startedAt);
      // Time for as many failures as would end it, and one more.
      await eventually(() => Date.now() - begun > 5500, 30_000);
      const after = await pods.get(name);
      expect(counted(after)).toBe(0);
      expect(isReady(after)).toBe(true);
      await pods.remove(name);
    },
  );
  const leaving = [
    [
      "should be restarted with a /healthz http liveness probe",
      `${web}; (sleep 1; rm /var/www/healthz) &`,
      { httpGet: { path: "/healthz", port: 8080 } },
    ],
    [
      'should be restarted with a exec "cat /tmp/health" liveness probe',
      `${web}; (sleep 1; rm /tmp/health) &`,
      { exec: { command: ["cat", "/tmp/health"] } },
    ],
    // The service is elsewhere.
    ["should be restarted with a GRPC liveness probe", `${grpc}`, { grpc: { port: 2333 } }],
  ] as const;
  test.concurrent.each(leaving.map(([title, ...rest]) => [words(title), ...rest] as const))(
    "%s",
    async (_, script, handler) => {
      const name = await pods.pod(
        `${script} ${FOREVER}`,
        { restartPolicy: "Always" },
        { livenessProbe: { ...handler, ...quick, initialDelaySeconds: 1 } },
      );
      await pods.when(name, (pod) => counted(pod) > 0);
      const events = `${pods.path("events")}?fieldSelector=reason=Unhealthy,involvedObject.name=${name}`;
      const [event] = (await cluster.api("GET", events)).body.items;
      expect(event.message).toStartWith("Liveness probe failed: ");
      await pods.remove(name);
    },
  );
  test.concurrent(words("should have monotonically increasing restart count"), async () => {
    const name = await pods.pod(
      `${web}; (sleep 1; rm /var/www/healthz) & ${FOREVER}`,
      { restartPolicy: "Always" },
      { livenessProbe: { httpGet: { path: "/healthz", port: 8080 }, ...quick } },
    );
    const told: number[] = [];
    await pods.when(name, (seen) => told.push(counted(seen)) > 0 && counted(seen) >= 5, 60_000);
    expect(told).toEqual([...told].sort((one, other) => one - other));
    expect(told[0]).toBeLessThan(5);
    // For this reason each time; of one pod no more than 25 events are told at once.
    const events = `${pods.path("events")}?fieldSelector=reason=Killing,involvedObject.name=${name}`;
    const [event] = (await cluster.api("GET", events)).body.items;
    expect(event.message).toBe("Container main failed liveness probe, will be restarted");
    expect(event.count).toBeGreaterThanOrEqual(3);
    await pods.remove(name);
  });
  test.concurrent(
    words("with readiness probe should not be ready before initial delay and never restart"),
    async () => {
      const readinessProbe = { exec: { command: ["cat", "/tmp/health"] }, initialDelaySeconds: 3, periodSeconds: 1 };
      const name = await pods.pod(`${web}; ${FOREVER}`, { restartPolicy: "Always" }, { readinessProbe });
      const pod = await pods.when(name, isReady);
      const ready = pod.status.conditions.find(({ type }: Json) => type === "Ready");
      const took = Date.parse(ready.lastTransitionTime) - Date.parse(main(pod).state.running.startedAt);
      expect(took).toBeGreaterThanOrEqual(2000);
      expect(counted(pod)).toBe(0);
      await pods.remove(name);
    },
  );
  test.concurrent(words("with readiness probe that fails should never be ready and never restart"), async () => {
    const name = await pods.pod(
      FOREVER,
      { restartPolicy: "Always" },
      { readinessProbe: { exec: { command: ["false"] }, ...quick } },
    );
    await pods.running(name);
    await eventually(
      async () =>
        (
          await cluster.api("GET", `/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=${name}`)
        ).body.items.some((one: Json) => one.reason === "Unhealthy" && one.count > 2),
      30_000,
    );
    const pod = await pods.get(name);
    expect(isReady(pod)).toBe(false);
    expect(counted(pod)).toBe(0);
    await pods.remove(name);
  });
});

describe("init containers", () => {
  const image = "busybox:test";
  const initContainers = ["init1", "init2"].map((name) => ({ name, image, command: ["true"] }));
  const areDone = (pod: Json) =>
    pod.status.initContainerStatuses.every((one: Json) => one.ready && one.state.terminated?.exitCode === 0);
  const initialized = (pod: Json) => pod.status.conditions.find(({ type }: Json) => type === "Initialized")?.status;
  const failing = [
    { name: "init1", image, command: ["false"] },
    { name: "init2", image, command: ["true"] },
  ];
  test.concurrent(
    node(
      "InitContainer [NodeConformance] should not start app containers if init containers fail on a RestartAlways pod [Conformance]",
    ),
    async () => {
      const name = await pods.pod("true", { initContainers: failing, restartPolicy: "Always" });
      const pod = await pods.when(name, ({ status }) => (status?.initContainerStatuses?.[0]?.restartCount ?? 0) > 2);
      expect(pod.status.phase).toBe("Pending");
      expect(initialized(pod)).toBe("False");
      expect(pod.status.initContainerStatuses[1].state.waiting.reason).toBe("PodInitializing");
      expect(main(pod).state.waiting.reason).toBe("PodInitializing");
      await pods.remove(name);
    },
  );
  test.concurrent(
    node(`InitContainer ${NODE.split(" ")[0]} should invoke init containers on a RestartNever pod [Conformance]`),
    async () => {
      const name = await pods.pod("true", { initContainers });
      const pod = await pods.when(name, ended);
      expect(pod.status.phase).toBe("Succeeded");
      expect(initialized(pod)).toBe("True");
      expect(areDone(pod)).toBe(true);
      await pods.remove(name);
    },
  );
  test.concurrent(
    node("InitContainer [NodeConformance] should invoke init containers on a RestartAlways pod [Conformance]"),
    async () => {
      const name = await pods.pod(FOREVER, { initContainers, restartPolicy: "Always" });
      const pod = await pods.running(name);
      expect(initialized(pod)).toBe("True");
      expect(areDone(pod)).toBe(true);
      await pods.remove(name);
    },
  );
  test.concurrent(
    node(
      "InitContainer [NodeConformance] should not start app containers and fail the pod if init containers fail on a RestartNever pod [Conformance]",
    ),
    async () => {
      const name = await pods.pod("true", { initContainers: [failing[1]!, failing[0]!] });
      const pod = await pods.when(name, ended);
      expect(pod.status.phase).toBe("Failed");
      expect(initialized(pod)).toBe("False");
      expect(main(pod).state.waiting.reason).toBe("PodInitializing");
      await pods.remove(name);
    },
  );
});

describe("variables from config maps and secrets", () => {
  for (const [title, make] of [
    ["ConfigMap", (name: string, data: Record<string, string>) => pods.configMap(name, data)],
    ["Secrets", (name: string, data: Record<string, string>) => pods.secret(name, data)],
  ] as const) {
    const isMap = title === "ConfigMap";
    const ref = isMap ? "configMapKeyRef" : "secretKeyRef";
    const from = isMap ? "configMapRef" : "secretRef";
    test.concurrent(
      node(
        isMap
          ? `ConfigMap should be consumable via environment variable ${NODE}`
          : `Secrets should be consumable from pods in env vars ${NODE}`,
      ),
      async () => {
        const name = pods.name("env");
        await make(name, { "data-1": "value-1" });
        expect(
          await pods.said("echo $DATA", {}, env({ name: "DATA", valueFrom: { [ref]: { name, key: "data-1" } } })),
        ).toBe("value-1\n");
      },
    );
    test.concurrent(node(`${title} should be consumable via the environment ${NODE}`), async () => {
      const name = pods.name("env");
      await make(name, { data_1: "value-1", data_2: "value-2", "data-3": "value-3" });
      const said = await pods.said(
        "",
        {},
        { command: ["env"], envFrom: [{ [from]: { name } }, { prefix: "p_", [from]: { name } }] },
      );
      for (const line of ["data_1=value-1", "data_2=value-2", "data-3=value-3", "p_data_1=value-1"])
        expect(said).toContain(`${line}\n`);
    });
    test.concurrent(
      node(
        isMap
          ? "ConfigMap should be consumable as environment variable names with various prefixes [Conformance]"
          : "Secrets should be consumable as environment variable names variable names with various prefixes [Conformance]",
      ),
      async () => {
        const name = pods.name("env");
        await make(name, { data_1: "value-1" });
        const prefixes = ["", "p_one_", "p-one.", "1-", "#_", "$!@%^&*()[]{}|;:,<>?/~`'\"\\ "];
        const envFrom = prefixes.map((prefix) => ({ prefix, [from]: { name } }));
        const said = await pods.said("", {}, { command: ["env"], envFrom });
        for (const prefix of prefixes) expect(`\n${said}`).toContain(`\n${prefix}data_1=value-1\n`);
      },
    );
  }
});

test.concurrent(node("Secrets should fail to create secret due to empty secret key [Conformance]"), async () => {
  const name = pods.name("empty-key");
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name }, data: { "": btoa("value-1") } };
  expect((await cluster.api("POST", pods.path("secrets"), secret)).status).toBe(422);
  expect((await cluster.api("GET", pods.path("secrets", name))).status).toBe(404);
});

describe("commands", () => {
  const run = async (container: object) => {
    const name = await pods.pod("", {}, { image: "talker:test", command: undefined, ...container });
    await pods.when(name, ended);
    const log = await pods.log(name);
    await pods.remove(name);
    return log;
  };
  test.concurrent(node(`Containers should use the image defaults if command and args are blank ${NODE}`), async () =>
    expect(await run({})).toBe("entry cmd\n"),
  );
  test.concurrent(
    node(`Containers should be able to override the image's default arguments (container cmd) ${NODE}`),
    async () => expect(await run({ args: ["override", "arguments"] })).toBe("entry override arguments\n"),
  );
  test.concurrent(
    node(`Containers should be able to override the image's default command (container entrypoint) ${NODE}`),
    async () => expect(await run({ command: ["echo", "override"] })).toBe("override\n"),
  );
  test.concurrent(
    node(`Containers should be able to override the image's default command and arguments ${NODE}`),
    async () => expect(await run({ command: ["echo", "override"], args: ["arguments"] })).toBe("override arguments\n"),
  );
  test.concurrent(node(`Variable Expansion should allow composing env vars into new env vars ${NODE}`), async () => {
    const variables = env(
      { name: "FOO", value: "foo-value" },
      { name: "BAR", value: "bar-value" },
      { name: "FOOBAR", value: "$(FOO);;$(BAR)" },
    );
    expect(await pods.said("echo $FOOBAR", {}, variables)).toBe("foo-value;;bar-value\n");
  });
  test.concurrent(
    node(`Variable Expansion should allow substituting values in a container's command ${NODE}`),
    async () => {
      const container = {
        command: ["sh", "-c", 'TEST=wrong echo "$(TEST)"'],
        ...env({ name: "TEST", value: "test-value" }),
      };
      expect(await pods.said("", {}, container)).toBe("test-value\n");
    },
  );
  test.concurrent(
    node(`Variable Expansion should allow substituting values in a container's args ${NODE}`),
    async () => {
      const container = {
        command: ["sh", "-c"],
        args: ['TEST=wrong echo "$(TEST)"'],
        ...env({ name: "TEST", value: "test-value" }),
      };
      expect(await pods.said("", {}, container)).toBe("test-value\n");
    },
  );
});

describe("paths of variables", () => {
  const volumes = [{ name: "work", emptyDir: {} }];
  const mounts = (subPathExpr: string) => ({
    volumeMounts: [
      { name: "work", mountPath: "/sub", subPathExpr },
      { name: "work", mountPath: "/whole" },
    ],
    ...env(field("POD_NAME", "metadata.name"), field("ANNOTATION", "metadata.annotations['mysubpath']")),
  });
  const isWaiting = (pod: Json) => main(pod)?.state.waiting?.reason === "CreateContainerConfigError";
  test.concurrent(
    node("Variable Expansion should allow substituting values in a volume subpath [Conformance]"),
    async () => {
      expect(
        await pods.said(
          "test -d /whole/$POD_NAME/in && touch /sub/file && ls /whole/$POD_NAME/in",
          { volumes },
          mounts("$(POD_NAME)/in"),
        ),
      ).toBe("file\n");
    },
  );
  test.concurrent(
    node("Variable Expansion should fail substituting values in a volume subpath with backticks [Conformance]"),
    async () => {
      const name = await pods.pod(
        "true",
        { volumes },
        {
          ...mounts("$(POD_NAME)"),
          // What the suite calls backticks are the two points of a step back.
          volumeMounts: [{ name: "work", mountPath: "/sub", subPathExpr: "$(BACK)" }],
          ...env({ name: "BACK", value: ".." }),
        },
      );
      const pod = await pods.when(name, isWaiting);
      expect(main(pod).state.waiting.message).toContain("leads to ..,");
      await pods.remove(name);
    },
  );
  test.concurrent(
    node("Variable Expansion should fail substituting values in a volume subpath with absolute path [Conformance]"),
    async () => {
      const name = await pods.pod(
        "true",
        { volumes },
        {
          ...mounts("$(POD_NAME)"),
          volumeMounts: [{ name: "work", mountPath: "/sub", subPathExpr: "$(ROOT)" }],
          ...env({ name: "ROOT", value: "/tmp" }),
        },
      );
      const pod = await pods.when(name, isWaiting);
      expect(main(pod).state.waiting.message).toContain("/tmp");
      await pods.remove(name);
    },
  );
  test.concurrent(
    node(
      "Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container [Slow] [Conformance]",
    ),
    async () => {
      // Without the annotation the path begins with a slash.
      const name = await pods.pod(FOREVER, { volumes }, mounts("$(ANNOTATION)/$(POD_NAME)"));
      expect(main(await pods.when(name, isWaiting)).state.waiting.message).toContain(`leads to /${name},`);
      await cluster.api(
        "PATCH",
        pods.path("pods", name),
        { metadata: { annotations: { mysubpath: "mypath" } } },
        MERGE,
      );
      await pods.running(name);
      await pods.remove(name);
    },
  );
  test.concurrent(
    node("Variable Expansion should succeed in writing subpaths in container [Conformance]"),
    async () => {
      const name = await pods.pod(FOREVER, { volumes }, mounts("$(ANNOTATION)/$(POD_NAME)"), {
        annotations: { mysubpath: "mypath" },
      });
      await pods.running(name);
      const script = `echo written > /sub/test.log; cat /whole/mypath/${name}/test.log`;
      expect(await pods.executed(name, ["sh", "-c", script])).toBe("written\n");
      await cluster.api(
        "PATCH",
        pods.path("pods", name),
        { metadata: { annotations: { mysubpath: "mynewpath" } } },
        MERGE,
      );
      expect(main(await pods.running(name)).restartCount).toBe(0);
      await pods.remove(name);
      await pods.when(name, ({ code }) => code === 404);
    },
  );
});

describe("what a pod is told of itself", () => {
  for (const [words, fields, of] of [
    [
      "pod name, namespace and IP address as env vars",
      ["metadata.name", "metadata.namespace", "status.podIP"],
      ({ metadata, status }: Json) => [metadata.name, "default", status.podIP],
    ],
    ["host IP as an env var", ["status.hostIP"], ({ status }: Json) => [status.hostIP]],
    [
      "hostIPs as an env var",
      ["status.hostIPs"],
      ({ status }: Json) => [status.hostIPs.map(({ ip }: Json) => ip).join(",")],
    ],
    ["pod UID as env vars", ["metadata.uid"], ({ metadata }: Json) => [metadata.uid]],
  ] as const) {
    test.concurrent(node(`Downward API should provide ${words} ${NODE}`), async () => {
      const variables = fields.map((path, at) => field(`TOLD_${at}`, path));
      const name = await pods.pod("echo $TOLD_0 $TOLD_1 $TOLD_2; sleep 1000", {}, env(...variables));
      const pod = await pods.when(name, (one) => main(one)?.state.running && one.status.podIP);
      const expected = of(pod);
      for (const one of expected) expect(one).toMatch(/^[\da-z][\da-z.,:-]+$/);
      await pods.says(name, `${expected.join(" ")}\n`);
      await pods.remove(name);
    });
  }
  const amounts = env(
    ...["limits.cpu", "limits.memory", "requests.cpu", "requests.memory"].map((resource) => ({
      name: resource.replace(".", "_"),
      valueFrom: { resourceFieldRef: { resource } },
    })),
  );
  const say = "echo $limits_cpu $limits_memory $requests_cpu $requests_memory";
  test.concurrent(
    node(`Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars ${NODE}`),
    async () => {
      const resources = { limits: { cpu: "1250m", memory: "64Mi" }, requests: { cpu: "250m", memory: "32Mi" } };
      expect(await pods.said(say, {}, { ...amounts, resources })).toBe("2 67108864 1 33554432\n");
    },
  );
  test.concurrent(
    node(`Downward API should provide default limits.cpu/memory from node allocatable ${NODE}`),
    async () => {
      const [cpu, memory] = (await pods.said(say, {}, amounts)).split(" ").map(Number);
      const { allocatable } = (await cluster.api("GET", "/api/v1/nodes")).body.items[0].status;
      expect(cpu).toBe(Number(allocatable.cpu));
      expect(Math.abs(memory! - Number.parseInt(allocatable.memory, 10) * 1024)).toBeLessThan(1024);
    },
  );
});

describe("ends of containers", () => {
  const last = async (container: object, script: string, spec: object = {}) => {
    const name = await pods.pod(script, spec, container);
    const { terminated } = main(await pods.when(name, ended)).state;
    await pods.remove(name);
    return terminated.message ?? "";
  };
  const words = (text: string) =>
    node(`Container Runtime blackbox test on terminated container should report termination message ${text} ${NODE}`);
  const fallback = { terminationMessagePolicy: "FallbackToLogsOnError" };
  test.concurrent(
    words("from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set"),
    async () => expect(await last(fallback, "printf OK > /dev/termination-log; echo wrong")).toBe("OK"),
  );
  test.concurrent(
    words("as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set"),
    async () => expect(await last(fallback, "echo wrong")).toBe(""),
  );
  test.concurrent(words("from log output if TerminationMessagePolicy FallbackToLogsOnError is set"), async () =>
    expect(await last(fallback, "printf DONE; exit 1")).toBe("DONE"),
  );
  test.concurrent(words("if TerminationMessagePath is set as non-root user and at a non-default path"), async () =>
    expect(
      await last(
        { terminationMessagePath: "/dev/termination-custom-log", securityContext: { runAsUser: 1000 } },
        "printf DONE > /dev/termination-custom-log",
      ),
    ).toBe("DONE"),
  );

  test.concurrent(
    node(
      `Container Runtime blackbox test when starting a container that exits should run with the expected status ${NODE}`,
    ),
    async () => {
      const volumes = [{ name: "count", emptyDir: {} }];
      const container = { volumeMounts: [{ name: "count", mountPath: "/count" }] };
      // Fails the first time, then goes on or ends well.
      const script = `[ -e /count/once ] || { touch /count/once; exit 1; }; ${FOREVER}`;
      const expectRun = async (
        restartPolicy: string,
        command: string,
        phase: string,
        count: number,
        ready: boolean,
      ) => {
        const name = await pods.pod(command, { volumes, restartPolicy }, container);
        const pod = await pods.when(
          name,
          (one) => one.status?.phase === phase && main(one).restartCount === count && main(one).ready === ready,
        );
        expect(Object.keys(main(pod).state)).toEqual([phase === "Running" ? "running" : "terminated"]);
        await pods.remove(name);
      };
      await Promise.all([
        expectRun("Always", script, "Running", 1, true),
        expectRun("OnFailure", "[ -e /count/once ] || { touch /count/once; exit 1; }", "Succeeded", 1, false),
        expectRun("Never", "exit 1", "Failed", 0, false),
      ]);
    },
  );
});

describe("the node agent", () => {
  test.concurrent(
    node(`Kubelet when scheduling a busybox command in a pod should print the output to logs ${NODE}`),
    async () => {
      // Two pipes: which of them is read first is not promised.
      const said = await pods.said("echo 'Hello World'; echo to stderr >&2");
      expect(said.split("\n").sort()).toEqual(["", "Hello World", "to stderr"]);
    },
  );
  test.concurrent(
    node(
      `Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason ${NODE}`,
    ),
    async () => {
      const name = await pods.pod("exit 1");
      const { status } = await pods.when(name, ended);
      expect(status.containerStatuses).toMatchObject([{ state: { terminated: { exitCode: 1, reason: "Error" } } }]);
      await pods.remove(name);
    },
  );
  test.concurrent(
    node(`Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete ${NODE}`),
    async () => {
      const name = await pods.pod("exit 1", { restartPolicy: "Always" });
      await pods.when(name, (pod) => main(pod)?.restartCount > 0);
      expect((await cluster.api("DELETE", pods.path("pods", name))).status).toBe(200);
      await pods.when(name, ({ code }) => code === 404);
    },
  );
  test.concurrent(
    node(`Kubelet when scheduling a read only busybox container should not write to root filesystem ${LINUX}`),
    async () =>
      expect(
        await pods.said(
          "echo test > /file; ls /file 2>&1 | head -1; true",
          {},
          { securityContext: { readOnlyRootFilesystem: true } },
        ),
      ).toContain("Read-only file system"),
  );
  test.concurrent(
    node(`Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts ${NODE}`),
    async () =>
      expect(
        await pods.said("cat /etc/hosts", { hostAliases: [{ ip: "123.45.67.89", hostnames: ["foo", "bar"] }] }),
      ).toContain("123.45.67.89\tfoo\tbar\n"),
  );
  test.concurrent(node(`KubeletManagedEtcHosts should test kubelet managed /etc/hosts file ${NODE}`), async () => {
    const managed = "# Kubernetes-managed hosts file.";
    const volumes = [{ name: "hosts", hostPath: { path: "/etc/hosts", type: "File" } }];
    const mount = { volumeMounts: [{ name: "hosts", mountPath: "/etc/hosts" }] };
    const [own, mounted, machines] = await Promise.all([
      pods.said("cat /etc/hosts"),
      pods.said("cat /etc/hosts", { volumes }, mount),
      pods.said("cat /etc/hosts", { hostNetwork: true }),
    ]);
    expect([own, mounted, machines].map((text) => text.includes(managed))).toEqual([true, false, false]);
  });
});

describe("hooks", () => {
  /** A server in a pod that tells in its log what it is asked for: one for all these tests. */
  const start = async () => {
    const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 1 };
    const script = "touch /var/www/echo-poststart /var/www/echo-prestop; httpd -f -vv -p 8080 -h /var/www 2>&1";
    const name = await pods.pod(script, {}, { readinessProbe });
    const pod = await pods.when(name, isReady);
    return { name, ip: pod.status.podIP as string };
  };
  let started: ReturnType<typeof start> | undefined;
  const server = () => {
    started ??= start();
    return started;
  };
  const words = (text: string) =>
    node(`Container Lifecycle Hook when create a pod with lifecycle hook should execute ${text} hook properly ${NODE}`);
  const stop = (name: string) => cluster.api("DELETE", pods.path("pods", name));
  for (const [hook, when] of [
    ["postStart", "poststart"],
    ["preStop", "prestop"],
  ] as const) {
    test.concurrent(words(`${when} exec`), async () => {
      const { name: target, ip } = await server();
      // It is not there, but it was asked for.
      const command = ["sh", "-c", `wget -qO- http://${ip}:8080/exec-${when} || true`];
      const lifecycle = { [hook]: { exec: { command } } };
      const name = await pods.pod(FOREVER, { terminationGracePeriodSeconds: 10 }, { lifecycle });
      await pods.when(name, isReady);
      if (hook === "preStop") await stop(name);
      await pods.says(target, `url:/exec-${when}`);
      await pods.remove(name);
    });
    test.concurrent(words(`${when} http`), async () => {
      const { name: target, ip } = await server();
      const lifecycle = { [hook]: { httpGet: { host: ip, port: 8080, path: `/echo-${when}` } } };
      const name = await pods.pod(FOREVER, { terminationGracePeriodSeconds: 10 }, { lifecycle });
      await pods.when(name, isReady);
      if (hook === "preStop") await stop(name);
      await pods.says(target, `url:/echo-${when}`);
      await pods.remove(name);
    });
  }
  test.concurrent(node("PreStop should call prestop when killing a pod [Conformance]"), async () => {
    const { name: target, ip } = await server();
    const lifecycle = { preStop: { exec: { command: ["wget", "-qO-", `http://${ip}:8080/killed`] } } };
    const name = await pods.pod(FOREVER, { terminationGracePeriodSeconds: 10 }, { lifecycle });
    await pods.running(name);
    expect(await pods.log(target)).not.toContain("url:/killed");
    await stop(name);
    await pods.when(name, ({ code }) => code === 404);
    expect(await pods.log(target)).toContain("url:/killed");
  });
});

describe("who a container is", () => {
  const words = (text: string) => node(`Security Context ${text}`);
  const user = { securityContext: { runAsUser: 1001, runAsGroup: 2002 } };
  test.concurrent(
    words(`When creating a container with runAsUser should run the container with uid 65534 ${LINUX}`),
    async () => expect(await pods.said("id -u", {}, { securityContext: { runAsUser: 65534 } })).toBe("65534\n"),
  );
  test.concurrent(
    words(
      "should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup [LinuxOnly] [Conformance]",
    ),
    async () => expect(await pods.said("id -u; id -g", {}, user)).toBe("1001\n2002\n"),
  );
  test.concurrent(
    words(
      "should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup [LinuxOnly] [Conformance]",
    ),
    async () => expect(await pods.said("id -u; id -g", user)).toBe("1001\n2002\n"),
  );
  test.concurrent(
    words(`When creating a pod with privileged should run the container as unprivileged when false ${LINUX}`),
    async () =>
      expect(
        await pods.said("ip link add dummy1 type dummy 2>&1 || true", {}, { securityContext: { privileged: false } }),
      ).toContain("Operation not permitted"),
  );
  test.concurrent(
    words(
      `When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false ${NODE}`,
    ),
    async () =>
      expect(
        await pods.said("touch /checkfile && echo written", {}, { securityContext: { readOnlyRootFilesystem: false } }),
      ).toBe("written\n"),
  );
  test.concurrent(
    words(
      `when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false ${LINUX}`,
    ),
    async () => {
      // A program that is set to run as root does not become root.
      const image = "busybox:test";
      const volumeMounts = [{ name: "work", mountPath: "/work" }];
      const init = {
        name: "init",
        image,
        command: ["sh", "-c", "cp /bin/busybox /work/id; chmod 4755 /work/id"],
        volumeMounts,
      };
      const spec = { volumes: [{ name: "work", emptyDir: {} }], initContainers: [init] };
      const securityContext = { runAsUser: 1000, allowPrivilegeEscalation: false };
      expect(
        await pods.said("/work/id -u; grep NoNewPrivs /proc/self/status", spec, { securityContext, volumeMounts }),
      ).toBe("1000\nNoNewPrivs:\t1\n");
    },
  );
  test.concurrent(
    node(
      "Sysctls [LinuxOnly] [NodeConformance] should support sysctls [MinimumKubeletVersion:1.21] [Environment:NotInUserNS] [Conformance]",
    ),
    async () => {
      const securityContext = { sysctls: [{ name: "kernel.shm_rmid_forced", value: "1" }] };
      expect(await pods.said("cat /proc/sys/kernel/shm_rmid_forced", { securityContext })).toBe("1\n");
    },
  );
  test.concurrent(
    node(
      "Sysctls [LinuxOnly] [NodeConformance] should reject invalid sysctls [MinimumKubeletVersion:1.21] [Conformance]",
    ),
    async () => {
      const name = pods.name("sysctls");
      const sysctls = ["foo-", "kernel.shmmax", "safe-and-unsafe", "bar.."].map((one) => ({ name: one, value: "42" }));
      const { status, body } = await cluster.api("POST", pods.path("pods"), {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name },
        spec: { securityContext: { sysctls }, containers: [{ name: "main", image: "busybox:test" }] },
      });
      expect(status).toBe(422);
      for (const invalid of ["foo-", "bar.."]) expect(body.message).toContain(`Invalid value: "${invalid}"`);
      for (const valid of ["safe-and-unsafe", "kernel.shmmax"]) expect(body.message).not.toContain(valid);
      expect((await pods.get(name)).code).toBe(404);
    },
  );
  test.concurrent("a sysctl that is not safe is refused by the node", async () => {
    const name = await pods.pod("true", { securityContext: { sysctls: [{ name: "kernel.msgmax", value: "10000" }] } });
    const { status } = await pods.when(name, ended);
    expect(status).toMatchObject({ phase: "Failed", reason: "SysctlForbidden" });
    await pods.remove(name);
  });
});

describe("pods", () => {
  const words = (text: string) => node(`Pods ${text}`);
  test.concurrent(words(`should get a host IP ${NODE}`), async () => {
    const name = await pods.pod(FOREVER);
    const pod = await pods.running(name);
    const [machine] = (await cluster.api("GET", "/api/v1/nodes")).body.items;
    expect(pod.status.hostIP).toBe(machine.status.addresses.find(({ type }: Json) => type === "InternalIP").address);
    await pods.remove(name);
  });
  /** The names of the pods that have the label `time` with this value. */
  const timed = async (value: string): Promise<string[]> => {
    const { body } = await cluster.api("GET", `${pods.path("pods")}?labelSelector=time%3D${value}`);
    return body.items.map((one: Json) => one.metadata.name);
  };
  test.concurrent(words(`should be updated ${NODE}`), async () => {
    const [before, after] = [pods.name("time"), pods.name("time")];
    const name = await pods.pod(FOREVER, {}, {}, { labels: { time: before } });
    expect(await timed(before)).toEqual([name]);
    await eventually(async () => {
      const pod = await pods.get(name);
      pod.metadata.labels.time = after;
      return (await cluster.api("PUT", pods.path("pods", name), pod)).status === 200;
    });
    expect([await timed(before), await timed(after)]).toEqual([[], [name]]);
    await pods.remove(name);
  });
  test.concurrent(words(`should allow activeDeadlineSeconds to be updated ${NODE}`), async () => {
    const time = pods.name("time");
    const name = await pods.pod(FOREVER, { terminationGracePeriodSeconds: 1 }, {}, { labels: { time } });
    expect(await timed(time)).toEqual([name]);
    await pods.running(name);
    const { status } = await cluster.api(
      "PATCH",
      pods.path("pods", name),
      { spec: { activeDeadlineSeconds: 1 } },
      MERGE,
    );
    expect(status).toBe(200);
    const pod = await pods.when(name, ended);
    expect(pod.status).toMatchObject({ phase: "Failed", reason: "DeadlineExceeded" });
    await pods.remove(name);
  });
  test.concurrent(words(`should contain environment variables for services ${NODE}`), async () => {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "fooservice" },
      spec: { ports: [{ port: 8765, targetPort: 8080 }], selector: { app: "none" } },
    };
    const { spec } = await pods.make("services", service);
    const said = await pods.said("env");
    for (const line of [
      `FOOSERVICE_SERVICE_HOST=${spec.clusterIP}`,
      "FOOSERVICE_SERVICE_PORT=8765",
      `FOOSERVICE_PORT=tcp://${spec.clusterIP}:8765`,
      `FOOSERVICE_PORT_8765_TCP=tcp://${spec.clusterIP}:8765`,
      "FOOSERVICE_PORT_8765_TCP_PROTO=tcp",
      "FOOSERVICE_PORT_8765_TCP_PORT=8765",
      `FOOSERVICE_PORT_8765_TCP_ADDR=${spec.clusterIP}`,
    ]) {
      expect(said).toContain(`${line}\n`);
    }
    await cluster.api("DELETE", pods.path("services", "fooservice"));
  });
  test.concurrent(
    node(
      "Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu [Conformance]",
    ),
    async () => {
      const amounts = { cpu: "100m", memory: "100Mi" };
      const name = await pods.pod("true", {}, { resources: { limits: amounts, requests: amounts } });
      expect((await pods.get(name)).status.qosClass).toBe("Guaranteed");
      await pods.remove(name);
    },
  );
  test.concurrent(words(`should be submitted and removed ${NODE}`), async () => {
    const label = pods.name("time");
    const name = await pods.pod(FOREVER, { terminationGracePeriodSeconds: 30 }, {}, { labels: { time: label } });
    expect(await timed(label)).toEqual([name]);
    await pods.running(name);
    const events = await cluster.watch(
      `${pods.path("pods")}?watch=true&labelSelector=time%3D${label}`,
      (all) => all.some(({ type }) => type === "DELETED"),
      () => cluster.api("DELETE", pods.path("pods", name)),
    );
    const last = events.at(-1)!.object;
    expect(last.metadata.deletionTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(events.some(({ object }) => object.status.containerStatuses?.[0].state.terminated)).toBe(true);
    expect(await timed(label)).toEqual([]);
  });
  test.concurrent(
    node("Ephemeral Containers [NodeConformance] will start an ephemeral container in an existing pod [Conformance]"),
    async () => {
      const name = await pods.pod(FOREVER);
      await pods.running(name);
      const container = { name: "debugger", image: "busybox:test", command: ["sh", "-c", "echo polo; sleep 1000"] };
      const { status } = await cluster.api(
        "PATCH",
        `${pods.path("pods", name)}/ephemeralcontainers`,
        { spec: { ephemeralContainers: [container] } },
        "application/strategic-merge-patch+json",
      );
      expect(status).toBe(200);
      await pods.when(name, (pod) => pod.status.ephemeralContainerStatuses?.[0]?.state.running);
      expect(await pods.log(name, "?container=debugger")).toBe("polo\n");
      await pods.remove(name);
    },
  );

  test.concurrent(
    node(
      "Ephemeral Containers [NodeConformance] should update the ephemeral containers in an existing pod [Conformance]",
    ),
    async () => {
      const name = await pods.pod(FOREVER);
      await pods.running(name);
      const path = `${pods.path("pods", name)}/ephemeralcontainers`;
      const add = async (container: string) => {
        const wished = { name: container, image: "busybox:test", command: ["sh", "-c", FOREVER] };
        const patch = { spec: { ephemeralContainers: [wished] } };
        const { status, body } = await cluster.api("PATCH", path, patch, "application/strategic-merge-patch+json");
        expect(status).toBe(200);
        await pods.when(name, (pod) =>
          pod.status.ephemeralContainerStatuses?.some((one: Json) => one.name === container && one.state.running),
        );
        return body.spec.ephemeralContainers.length;
      };
      expect(await add("debugger")).toBe(1);
      expect(await add("debugger2")).toBe(2);
      const { body } = await cluster.api("GET", path);
      expect(body.spec.ephemeralContainers.map((one: Json) => one.name)).toEqual(["debugger", "debugger2"]);
      await pods.remove(name);
    },
  );
  test.concurrent(words("should delete a collection of pods [Conformance]"), async () => {
    const type = pods.name("collected");
    const path = `${pods.path("pods")}?labelSelector=type%3D${type}`;
    const count = async () => (await cluster.api("GET", path)).body.items.length;
    await Promise.all([1, 2, 3].map(() => pods.pod(FOREVER, {}, {}, { labels: { type } })));
    expect(await count()).toBe(3);
    expect((await cluster.api("DELETE", path)).status).toBe(200);
    await eventually(async () => (await count()) === 0, 30_000);
  });
  test.concurrent(words("should patch a pod status [Conformance]"), async () => {
    const name = await pods.pod(FOREVER);
    await pods.running(name);
    const patch = { status: { message: "Patched by a test", reason: "Test" } };
    const { status, body } = await cluster.api("PATCH", `${pods.path("pods", name)}/status`, patch, MERGE);
    expect(status).toBe(200);
    expect(body.status).toMatchObject({ message: "Patched by a test", reason: "Test", phase: "Running" });
    await pods.remove(name);
  });
  test.concurrent(words("should run through the lifecycle of Pods and PodStatus [Conformance]"), async () => {
    const label = pods.name("static");
    const name = await pods.pod(FOREVER, {}, {}, { labels: { static: label } });
    const watched = `${pods.path("pods")}?watch=true&labelSelector=static%3D${label}`;
    await cluster.watch(watched, (all) => all.some(({ object }) => isReady(object)));
    const patched = await cluster.api(
      "PATCH",
      pods.path("pods", name),
      { metadata: { labels: { patched: "yes" } }, spec: { activeDeadlineSeconds: 600 } },
      MERGE,
    );
    expect(patched.body.metadata.labels).toEqual({ static: label, patched: "yes" });
    expect(patched.body.spec.activeDeadlineSeconds).toBe(600);
    const statusPath = `${pods.path("pods", name)}/status`;
    await eventually(async () => {
      const read = (await cluster.api("GET", statusPath)).body;
      const conditions = read.status.conditions.map((one: Json) =>
        one.type === "Ready" ? { ...one, status: "False", reason: "E2E" } : one,
      );
      const replaced = await cluster.api("PUT", statusPath, { ...read, status: { ...read.status, conditions } });
      if (replaced.status === 409) return false;
      expect(replaced.status).toBe(200);
      expect(isReady(replaced.body)).toBe(false);
      return true;
    });
    const events = await cluster.watch(
      watched,
      (all) => all.some(({ type }) => type === "DELETED"),
      () => cluster.api("DELETE", pods.path("pods", name)),
    );
    expect(events.at(-1)?.type).toBe("DELETED");
  });
  test.concurrent(words(`should support remote command execution over websockets ${NODE}`), async () => {
    const name = await pods.pod(FOREVER);
    await pods.running(name);
    expect(await pods.executed(name, ["echo", "remote execution test"])).toBe("remote execution test\n");
    await pods.remove(name);
  });
  test.concurrent(words(`should support retrieving logs from the container over websockets ${NODE}`), async () => {
    const name = await pods.pod("echo container is alive");
    await pods.when(name, ended);
    const frames = await cluster.socketFrames(`${pods.path("pods", name)}/log?container=main`, "binary.k8s.io");
    expect(Buffer.concat(frames).toString()).toBe("container is alive\n");
    await pods.remove(name);
  });
});

describe("runtime classes", () => {
  const words = (text: string) => node(`RuntimeClass ${text} ${NODE}`);
  const classes = "/apis/node.k8s.io/v1/runtimeclasses";
  const make = async (more: object = {}) => {
    const name = pods.name("class");
    const made = await cluster.api("POST", classes, {
      apiVersion: "node.k8s.io/v1",
      kind: "RuntimeClass",
      metadata: { name },
      handler: "crun",
      ...more,
    });
    expect(made.status).toBe(201);
    return name;
  };
  const create = (runtimeClassName: string) => {
    const container = { name: "main", image: "busybox:test", command: ["true"] };
    const spec = {
      runtimeClassName,
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      containers: [container],
    };
    return cluster.api("POST", pods.path("pods"), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: pods.name("classed") },
      spec,
    });
  };
  const isScheduled = (pod: Json) =>
    pod.status?.conditions?.some((one: Json) => one.type === "PodScheduled" && one.status === "True");
  test.concurrent(words("should reject a Pod requesting a non-existent RuntimeClass"), async () => {
    const { status, body } = await create("nonexistent");
    expect(status).toBe(403);
    expect(body.message).toContain('RuntimeClass "nonexistent" not found');
  });
  test.concurrent(words("should reject a Pod requesting a deleted RuntimeClass"), async () => {
    const name = await make();
    await cluster.api("DELETE", `${classes}/${name}`);
    await eventually(async () => (await cluster.api("GET", `${classes}/${name}`)).status === 404);
    const { status, body } = await create(name);
    expect([status, body.reason]).toEqual([403, "Forbidden"]);
    expect(body.message).toContain(`RuntimeClass "${name}" not found`);
  });
  test.concurrent(words("should schedule a Pod requesting a RuntimeClass without PodOverhead"), async () => {
    const { body } = await create(await make());
    const pod = await pods.when(body.metadata.name, (one) => isScheduled(one) && ended(one));
    expect(pod.status.phase).toBe("Succeeded");
    expect(pod.spec.overhead).toBeUndefined();
  });
  test.concurrent(words("should schedule a Pod requesting a RuntimeClass and initialize its Overhead"), async () => {
    const podFixed = { cpu: "10m", memory: "1Mi" };
    const { body } = await create(await make({ overhead: { podFixed } }));
    expect(body.spec.overhead).toEqual(podFixed);
    await pods.when(body.metadata.name, isScheduled);
  });
});
