/** The node agent with pods that really run. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readlink } from "node:fs/promises";
import type { Pod } from "../../src/model/kubernetes/core.ts";
import { CONFIG_MAPS, PODS, SECRETS } from "../../src/model/kubernetes/names.ts";
import type { Stored } from "../../src/model/kubernetes/object.ts";
import { eventually } from "../support/daemon.ts";
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
    await node.create("one", { containers: [busybox("main", `echo hello from $HOSTNAME; ${FOREVER}`)] });
    const pod = await node.when("one", ({ status }) => status?.phase === "Running");
    expect(pod.status?.podIP).toMatch(/^10\./);
    expect(pod.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({ ready: true, started: true, restartCount: 0 });
    // Running tells that the program was started, which may be before its first word.
    await eventually(async () => (await node.logs(pod)) !== "");
    expect(await node.logs(pod)).toBe("hello from one\n");
    expect(await node.exec(pod, ["cat", "/etc/hostname"])).toEqual({ output: "one\n", code: 0 });
    expect((await node.exec(pod, ["sh", "-c", "exit 3"])).code).toBe(3);
    expect((await node.exec(pod, ["cat", "/etc/hosts"])).output).toContain(`${pod.status?.podIP}\tone\n`);
    await node.cluster.client.resource(PODS).delete("default", "one");
    await node.gone("one");
    await eventually(() => node.parts.engine.pods.find(pod.metadata.uid) === undefined);
  });

  const done = (name: string) => node.when(name, ({ status }) => /Succeeded|Failed/.test(status?.phase ?? ""));
  const running = (name: string) => node.when(name, ({ status }) => status?.phase === "Running");
  const isReady = ({ status }: Stored<Pod>) =>
    status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") ?? false;
  const remove = async (name: string) => {
    await node.cluster.client.resource(PODS).delete("default", name);
    await node.gone(name);
  };

  test("init containers run one after the other before the pod's own, sidecars stay", async () => {
    const append = (word: string) => `echo ${word} >> /work/order`;
    const work = { volumeMounts: [{ name: "work", mountPath: "/work" }] };
    await node.create("ordered", {
      restartPolicy: "Never",
      volumes: [{ name: "work", emptyDir: {} }],
      initContainers: [
        busybox("first", append("first"), work),
        busybox("side", `${append("side")}; ${FOREVER}`, { ...work, restartPolicy: "Always" }),
        busybox("second", append("second"), work),
      ],
      containers: [busybox("main", "cat /work/order; echo bye > /dev/termination-log", work)],
    });
    const pod = await done("ordered");
    expect(pod.status?.phase).toBe("Succeeded");
    expect(await node.logs(pod)).toBe("first\nside\nsecond\n");
    const [main] = pod.status?.containerStatuses ?? [];
    expect(main?.state?.terminated).toMatchObject({ exitCode: 0, reason: "Completed", message: "bye\n" });
    const after = await node.when(
      "ordered",
      ({ status }) => status?.initContainerStatuses?.[1]?.state?.terminated !== undefined,
    );
    expect(after.status?.initContainerStatuses?.map(({ name }) => name)).toEqual(["first", "side", "second"]);
    await eventually(() => node.parts.engine.pods.find(pod.metadata.uid) === undefined);
    await remove("ordered");
  });

  test("a failing init container fails a pod that is never restarted", async () => {
    await node.create("init-fails", {
      restartPolicy: "Never",
      initContainers: [busybox("first", "exit 7")],
      containers: [busybox("main", "true")],
    });
    const pod = await done("init-fails");
    expect(pod.status?.phase).toBe("Failed");
    expect(pod.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode).toBe(7);
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe("PodInitializing");
    await remove("init-fails");
  });

  test("a container that ends is started again at once, then with back-off; the log of the run before is kept", async () => {
    await node.create("crash", { containers: [busybox("main", "echo run; exit 3")] });
    const pod = await node.when(
      "crash",
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff",
    );
    const [main] = pod.status?.containerStatuses ?? [];
    expect(main?.restartCount).toBe(1);
    expect(main?.state?.waiting?.message).toStartWith(
      "back-off 10s restarting failed container=main pod=crash_default(",
    );
    expect(main?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: "Error" });
    expect(pod.status?.phase).toBe("Running");
    expect(await node.logs(pod)).toBe("run\n");
    expect(await node.logs(pod, { previous: true })).toBe("run\n");
    await remove("crash");
  });

  test("probes: readiness decides, liveness restarts, startup comes first", async () => {
    await node.create("probed", {
      containers: [
        busybox("main", `httpd -p 8080 -h /var/www; touch /tmp/up; ${FOREVER}`, {
          ports: [{ name: "web", containerPort: 8080 }],
          startupProbe: { exec: { command: ["test", "-e", "/tmp/up"] }, periodSeconds: 1, failureThreshold: 10 },
          readinessProbe: { httpGet: { port: "web", path: "/ready" }, periodSeconds: 1, failureThreshold: 1 },
          livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
        }),
      ],
    });
    const pod = await node.when("probed", ({ status }) => status?.containerStatuses?.[0]?.started === true);
    expect(isReady(pod)).toBe(false);
    await node.exec(pod, ["touch", "/var/www/ready"]);
    await node.when("probed", isReady);
    await node.exec(pod, ["killall", "httpd"]);
    const again = await node.when("probed", ({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    expect(again.status?.containerStatuses?.[0]?.lastState?.terminated).toBeDefined();
    await remove("probed");
  });

  test("hooks: postStart before readiness, preStop before the signal", async () => {
    const script = "trap 'echo term >> /work/log; exit 0' TERM; while :; do sleep 1 & wait $!; done";
    await node.create("hooked", {
      volumes: [{ name: "work", hostPath: { path: `${node.root}/hooks`, type: "DirectoryOrCreate" } }],
      containers: [
        busybox("main", script, {
          volumeMounts: [{ name: "work", mountPath: "/work" }],
          lifecycle: {
            postStart: { exec: { command: ["sh", "-c", "echo post >> /work/log"] } },
            preStop: { exec: { command: ["sh", "-c", "echo pre >> /work/log"] } },
          },
        }),
      ],
    });
    await node.when("hooked", isReady);
    await remove("hooked");
    expect(await Bun.file(`${node.root}/hooks/log`).text()).toBe("post\npre\nterm\n");
  });

  test("environment and files from config maps, secrets, the pod itself; files follow changes", async () => {
    const { client } = node.cluster;
    const base = { apiVersion: "v1", metadata: { name: "settings", namespace: "default" } };
    await client
      .resource(CONFIG_MAPS)
      .create("default", { ...base, kind: "ConfigMap", data: { COLOR: "red", other: "x" } });
    const secret = { apiVersion: "v1", metadata: { name: "hidden", namespace: "default" } };
    await client.resource(SECRETS).create("default", { ...secret, kind: "Secret", data: { word: btoa("sesame") } });
    await node.create(
      "told",
      {
        volumes: [
          { name: "map", configMap: { name: "settings" } },
          {
            name: "secret",
            secret: { secretName: "hidden", items: [{ key: "word", path: "deep/word", mode: 0o400 }] },
          },
          { name: "self", downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
          { name: "ram", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
        ],
        containers: [
          busybox("main", `env; echo $0 $1; ${FOREVER}`, {
            args: ["$(COLOR)", "$(MISSING)"],
            envFrom: [{ configMapRef: { name: "settings" }, prefix: "" }],
            env: [
              { name: "WORD", valueFrom: { secretKeyRef: { name: "hidden", key: "word" } } },
              { name: "BOTH", value: "$(COLOR)-$(WORD) $$(COLOR)" },
              { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
              { name: "MEM", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
            ],
            resources: { limits: { memory: "64Mi", cpu: "500m" }, requests: { memory: "64Mi", cpu: "500m" } },
            volumeMounts: [
              { name: "map", mountPath: "/map" },
              { name: "secret", mountPath: "/secret" },
              { name: "self", mountPath: "/self" },
              { name: "ram", mountPath: "/ram" },
              { name: "map", mountPath: "/one/color", subPath: "COLOR" },
            ],
          }),
        ],
      },
      { labels: { app: "told" } },
    );
    const pod = await running("told");
    expect(pod.status?.qosClass).toBe("Guaranteed");
    await eventually(async () => (await node.logs(pod)).includes("$(MISSING)"));
    const log = await node.logs(pod);
    for (const line of ["WORD=sesame", "BOTH=red-sesame $(COLOR)", "POD=told", "MEM=64", "red $(MISSING)"]) {
      expect(log).toContain(`${line}\n`);
    }
    const see = async (path: string) => (await node.exec(pod, ["cat", path])).output;
    expect(await see("/map/COLOR")).toBe("red");
    expect(await see("/one/color")).toBe("red");
    expect(await see("/secret/deep/word")).toBe("sesame");
    expect(await see("/self/labels")).toBe('app="told"');
    expect((await node.exec(pod, ["stat", "-f", "-c", "%T", "/ram"])).output).toBe("tmpfs\n");
    expect((await node.exec(pod, ["sh", "-c", "echo no > /map/new"])).code).not.toBe(0);
    const map = await client.resource(CONFIG_MAPS).get("default", "settings");
    await client.resource(CONFIG_MAPS).update({ ...map, data: { COLOR: "blue" } });
    await eventually(async () => (await see("/map/COLOR")) === "blue");
    expect((await node.exec(pod, ["ls", "/map"])).output).toBe("COLOR\n");
    await remove("told");
  });

  test("a pod waits for a config map that is not there yet", async () => {
    const { client } = node.cluster;
    const main = busybox("main", "true", {
      env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "late", key: "a" } } }],
    });
    await node.create("waits", { restartPolicy: "Never", containers: [main] });
    const pod = await node.when(
      "waits",
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError",
    );
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe('configmap "late" not found');
    const map = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "late", namespace: "default" },
      data: { a: "1" },
    };
    await client.resource(CONFIG_MAPS).create("default", map);
    await done("waits");
    await remove("waits");
  });

  test("who a container is: users, groups, capabilities, read-only roots", async () => {
    const script =
      "id -u; id -g; id -G; touch /x 2>&1; grep NoNewPrivs /proc/self/status; stat -c %g:%a /data; touch /data/ok && echo written";
    await node.create("secure", {
      restartPolicy: "Never",
      securityContext: {
        runAsUser: 1000,
        runAsGroup: 3000,
        fsGroup: 2000,
        runAsNonRoot: true,
        supplementalGroups: [4000],
      },
      volumes: [{ name: "data", emptyDir: {} }],
      containers: [
        busybox("main", script, {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: [{ name: "data", mountPath: "/data" }],
        }),
      ],
    });
    const pod = await done("secure");
    const log = await node.logs(pod);
    expect(log).toStartWith("1000\n3000\n3000 ");
    for (const part of ["4000", "2000", "Read-only file system", "NoNewPrivs:\t1", "2000:2777", "written"])
      expect(log).toContain(part);
    await remove("secure");
    await node.create("root", {
      restartPolicy: "Never",
      securityContext: { runAsNonRoot: true },
      containers: [busybox("main", "id")],
    });
    const root = await node.when(
      "root",
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError",
    );
    expect(root.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain("image will run as root");
    await remove("root");
  });

  test("containers of a pod share network, IPC, host name and, when wished, processes", async () => {
    await node.create("shared", {
      shareProcessNamespace: true,
      hostAliases: [{ ip: "10.9.9.9", hostnames: ["far.example"] }],
      containers: [
        busybox("a", `echo in-shm > /dev/shm/word; httpd -p 127.0.0.1:9000 -h /; ${FOREVER}`),
        busybox("b", FOREVER),
      ],
    });
    const pod = await node.when("shared", isReady);
    const inB = async (...command: string[]) => (await node.exec(pod, command, "b")).output;
    expect(await inB("cat", "/dev/shm/word")).toBe("in-shm\n");
    expect(await inB("hostname")).toBe("shared\n");
    expect(await inB("cat", "/etc/hosts")).toContain("10.9.9.9\tfar.example");
    expect(await inB("wget", "-qO-", "http://127.0.0.1:9000/etc/hostname")).toBe("shared\n");
    expect(await inB("ps")).toContain("httpd");
    const links = ["sh", "-c", "for n in ipc uts net pid; do readlink /proc/self/ns/$n; done"];
    const seen = await inB(...links);
    expect(seen.split("\n")).toHaveLength(5);
    expect((await node.exec(pod, links, "a")).output).toBe(seen);
    // A port that listens on the pod's loopback alone is reached too.
    const connection = await node.agent!.connect(pod, 9000);
    await connection.write(Buffer.from("GET /etc/hostname HTTP/1.0\r\n\r\n"));
    let answer = "";
    for await (const data of connection.data) answer += Buffer.from(data).toString();
    expect(answer).toEndWith("shared\n");
    await remove("shared");
  });

  test("on the machine's network, with its processes", async () => {
    await node.create("hosts", {
      hostNetwork: true,
      hostPID: true,
      hostIPC: true,
      containers: [busybox("main", FOREVER)],
    });
    const pod = await running("hosts");
    expect(pod.status?.podIP).toBe("127.0.0.1");
    const links = ["sh", "-c", "for n in net ipc uts; do readlink /proc/self/ns/$n; done"];
    const { output } = await node.exec(pod, links);
    const own = await Promise.all(["net", "ipc", "uts"].map((name) => readlink(`/proc/self/ns/${name}`)));
    expect(output.trim().split("\n")).toEqual(own);
    expect((await node.exec(pod, ["cat", `/proc/${process.pid}/comm`])).code).toBe(0);
    await remove("hosts");
  });

  test("resources are changed in place, without a restart", async () => {
    const resources = (memory: string) => ({
      limits: { cpu: "200m", memory },
      requests: { cpu: "100m", memory: "16Mi" },
    });
    await node.create("grows", { containers: [busybox("main", FOREVER, { resources: resources("32Mi") })] });
    const pod = await running("grows");
    const containers = [busybox("main", FOREVER, { resources: resources("48Mi") })];
    await node.cluster.client.resource(PODS).update({ ...pod, spec: { ...pod.spec!, containers } });
    const after = await node.when(
      "grows",
      ({ status }) => status?.containerStatuses?.[0]?.resources?.limits?.memory === "48Mi",
    );
    const id = after.status?.containerStatuses?.[0]?.containerID?.replace("naru://", "") ?? "";
    await eventually(
      async () => (await node.parts.engine.containers.inspect(id)).HostConfig.Memory === 48 * 1024 * 1024,
    );
    expect(after.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await remove("grows");
  });

  test("another image: the container is made anew, also where it is never restarted", async () => {
    await node.create("changed", { restartPolicy: "Never", containers: [busybox("main", FOREVER)] });
    const pod = await running("changed");
    const containers = [busybox("main", FOREVER, { image: "busybox:latest" })];
    await node.cluster.client.resource(PODS).update({ ...pod, spec: { ...pod.spec!, containers } });
    const after = await node.when(
      "changed",
      (one) => one.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(one),
    );
    expect(after.status?.containerStatuses?.[0]?.image).toBe("busybox:latest");
    expect(after.status?.phase).toBe("Running");
    await remove("changed");
  });

  test("an ephemeral container joins a running pod", async () => {
    await node.create("debugged", { containers: [busybox("main", FOREVER)] });
    const pod = await running("debugged");
    const ephemeralContainers = [busybox("debugger", "echo looking; hostname")];
    await node.cluster.client.resource(PODS).update({ ...pod, spec: { ...pod.spec!, ephemeralContainers } });
    const after = await node.when(
      "debugged",
      ({ status }) => status?.ephemeralContainerStatuses?.[0]?.state?.terminated !== undefined,
    );
    expect(after.status?.phase).toBe("Running");
    expect(await node.logs(after, { container: "debugger" })).toBe("looking\ndebugged\n");
    await remove("debugged");
  });

  test("a deadline ends a pod", async () => {
    await node.create("late", { activeDeadlineSeconds: 1, containers: [busybox("main", FOREVER)] });
    const pod = await done("late");
    expect(pod.status).toMatchObject({ phase: "Failed", reason: "DeadlineExceeded" });
    await remove("late");
  });

  test("pods go on while the agent is away, and are known afterwards", async () => {
    await node.create("stays", { containers: [busybox("main", `echo begun; ${FOREVER}`)] });
    await node.create("ends", {
      restartPolicy: "Never",
      containers: [
        busybox("main", "while [ ! -e /work/go ]; do sleep 0.05; done; exit 4", {
          volumeMounts: [{ name: "work", mountPath: "/work" }],
        }),
      ],
      volumes: [{ name: "work", hostPath: { path: `${node.root}/go`, type: "DirectoryOrCreate" } }],
    });
    await node.create("deleted", { containers: [busybox("main", FOREVER)] });
    const [pod, , gone] = await Promise.all(["stays", "ends", "deleted"].map(running));
    const before = pod!.status;
    await node.restart(async () => {
      await Bun.write(`${node.root}/go/go`, "");
      await node.cluster.client.resource(PODS).delete("default", "deleted", { gracePeriodSeconds: 0 });
    });
    expect((await done("ends")).status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(4);
    const after = await node.when("stays", isReady);
    expect(after.status?.containerStatuses?.[0]).toEqual(before!.containerStatuses![0]!);
    expect(after.status?.podIP).toBe(before?.podIP ?? "none");
    expect(await node.logs(after)).toBe("begun\n");
    expect((await node.exec(after, ["hostname"])).output).toBe("stays\n");
    await eventually(() => node.parts.engine.pods.find(gone!.metadata.uid) === undefined);
    await Promise.all([remove("stays"), remove("ends")]);
  });
});
