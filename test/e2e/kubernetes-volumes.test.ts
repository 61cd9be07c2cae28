/** Volumes of pods as the conformance requirements list them: what containers see in them, with which modes, and what changes. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { TestClusterDaemon } from "../support/cluster.ts";
import { ClusterPods } from "../support/cluster-pods.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";

let cluster: TestClusterDaemon;
let pods: ClusterPods;
beforeAll(async () => {
  pods = await ClusterPods.start();
  ({ cluster } = pods);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const storage = (words: string) => conformance(`[sig-storage] ${words}`);
const NODE = "[NodeConformance] [Conformance]";
const LINUX = `[LinuxOnly] ${NODE}`;
const nonRoot = { securityContext: { runAsUser: 1001 } };
const mounted = (...paths: string[]) => ({
  volumeMounts: paths.map((mountPath, index) => ({ name: `v${index + 1}`, mountPath })),
});

describe("emptyDir", () => {
  for (const who of ["root", "non-root"]) {
    for (const mode of ["0644", "0666", "0777"]) {
      for (const medium of ["default", "tmpfs"]) {
        test.concurrent(storage(`EmptyDir volumes should support (${who},${mode},${medium}) ${LINUX}`), async () => {
          const script = `echo mount-tester > /v/file; chmod ${mode} /v/file; stat -c '%a %A' /v/file; stat -c %A /v; cat /v/file; grep ' /v ' /proc/mounts`;
          const volumes = [{ name: "v1", emptyDir: medium === "tmpfs" ? { medium: "Memory" } : {} }];
          const said = await pods.said(script, { volumes, ...(who === "root" ? {} : nonRoot) }, mounted("/v"));
          const letters = { "0644": "-rw-r--r--", "0666": "-rw-rw-rw-", "0777": "-rwxrwxrwx" }[mode];
          expect(said).toStartWith(`${mode.slice(1)} ${letters}\ndrwxrwxrwx\nmount-tester\n`);
          expect(said.includes("tmpfs /v tmpfs")).toBe(medium === "tmpfs");
        });
      }
    }
  }
  test.concurrent(
    storage(`EmptyDir volumes volume on default medium should have the correct mode ${LINUX}`),
    async () => {
      expect(await pods.said("stat -c %A /v", { volumes: [{ name: "v1", emptyDir: {} }] }, mounted("/v"))).toBe(
        "drwxrwxrwx\n",
      );
    },
  );
  test.concurrent(storage(`EmptyDir volumes volume on tmpfs should have the correct mode ${LINUX}`), async () => {
    const volumes = [{ name: "v1", emptyDir: { medium: "Memory" } }];
    const said = await pods.said("stat -c %A /v; stat -f -c %T /v", { volumes }, mounted("/v"));
    expect(said).toBe("drwxrwxrwx\ntmpfs\n");
  });
  test.concurrent(
    storage("EmptyDir volumes pod should support shared volumes between containers [Conformance]"),
    async () => {
      const image = "busybox:test";
      const volumeMounts = [{ name: "v1", mountPath: "/v" }];
      const sub = {
        name: "sub",
        image,
        command: ["sh", "-c", "echo shared > /v/.new; mv /v/.new /v/file"],
        volumeMounts,
      };
      const main = {
        name: "main",
        image,
        command: ["sh", "-c", "until [ -e /v/file ]; do sleep 0.1; done; cat /v/file"],
        volumeMounts,
      };
      const name = await pods.pod("", { volumes: [{ name: "v1", emptyDir: {} }], containers: [main, sub] });
      await pods.when(name, ({ status }) => status?.phase === "Succeeded");
      expect(await pods.log(name, "?container=main")).toBe("shared\n");
      await pods.remove(name);
    },
  );
});

/** Config maps and secrets, alone or projected: the same requirements in four places. */
const SHOWN = [
  { title: "ConfigMap", kind: "configMap", projected: false },
  { title: "Secrets", kind: "secret", projected: false },
  { title: "Projected configMap", kind: "configMap", projected: true },
  { title: "Projected secret", kind: "secret", projected: true },
] as const;

for (const { title, kind, projected } of SHOWN) {
  const make = (name: string, texts: Record<string, string>) =>
    kind === "secret" ? pods.secret(name, texts) : pods.configMap(name, texts);
  const resource = kind === "secret" ? "secrets" : "configmaps";
  const volume = (volumeName: string, name: string, more: object = {}, defaultMode?: number) => {
    const mode = defaultMode === undefined ? {} : { defaultMode };
    if (projected) return { name: volumeName, projected: { sources: [{ [kind]: { name, ...more } }], ...mode } };
    return { name: volumeName, [kind]: { [kind === "secret" ? "secretName" : "name"]: name, ...more, ...mode } };
  };
  const mapped = (mode?: number) => ({
    items: [{ key: "data-2", path: "path/to/data-2", ...(mode === undefined ? {} : { mode }) }],
  });
  const values = { "data-1": "value-1", "data-2": "value-2", "data-3": "value-3" };

  describe(title, () => {
    test.concurrent(storage(`${title} should be consumable from pods in volume ${NODE}`), async () => {
      const name = pods.name("shown");
      await make(name, values);
      const said = await pods.said(
        "cat /v/data-1; stat -L -c ' %A' /v/data-1",
        { volumes: [volume("v1", name)] },
        mounted("/v"),
      );
      expect(said).toBe("value-1 -rw-r--r--\n");
    });
    test.concurrent(
      storage(`${title} should be consumable from pods in volume with defaultMode set ${LINUX}`),
      async () => {
        const name = pods.name("shown");
        await make(name, values);
        const volumes = [volume("v1", name, {}, 0o400)];
        expect(await pods.said("cat /v/data-1; stat -L -c ' %A' /v/data-1", { volumes }, mounted("/v"))).toBe(
          "value-1 -r--------\n",
        );
      },
    );
    test.concurrent(storage(`${title} should be consumable from pods in volume with mappings ${NODE}`), async () => {
      const name = pods.name("shown");
      await make(name, values);
      const script = "cat /v/path/to/data-2; stat -L -c ' %A' /v/path/to/data-2; ls /v";
      const said = await pods.said(script, { volumes: [volume("v1", name, mapped())] }, mounted("/v"));
      expect(said).toBe("value-2 -rw-r--r--\npath\n");
    });
    const itemMode = kind === "configMap" ? "Item mode" : "Item Mode";
    test.concurrent(
      storage(`${title} should be consumable from pods in volume with mappings and ${itemMode} set ${LINUX}`),
      async () => {
        const name = pods.name("shown");
        await make(name, values);
        const script = "cat /v/path/to/data-2; stat -L -c ' %A' /v/path/to/data-2";
        expect(await pods.said(script, { volumes: [volume("v1", name, mapped(0o400))] }, mounted("/v"))).toBe(
          "value-2 -r--------\n",
        );
      },
    );
    const inSeveral = title === "Secrets" || title === "Projected secret" ? "a pod" : "the same pod";
    test.concurrent(storage(`${title} should be consumable in multiple volumes in ${inSeveral} ${NODE}`), async () => {
      const name = pods.name("shown");
      await make(name, values);
      const volumes = [volume("v1", name), volume("v2", name)];
      const said = await pods.said(
        "cd /; cat [ab]/data-1; stat -L -c ' %A' [ab]/data-1",
        { volumes },
        mounted("/a", "/b"),
      );
      expect(said).toBe("value-1value-1 -rw-r--r--\n -rw-r--r--\n");
    });
    if (kind === "configMap") {
      test.concurrent(storage(`${title} should be consumable from pods in volume as non-root ${NODE}`), async () => {
        const name = pods.name("shown");
        await make(name, values);
        const spec = { volumes: [volume("v1", name)], securityContext: { runAsUser: 1000 } };
        const script = "id -u; cat /v/data-1; stat -L -c ' %A' /v/data-1";
        expect(await pods.said(script, spec, mounted("/v"))).toBe("1000\nvalue-1 -rw-r--r--\n");
      });
      test.concurrent(
        storage(`${title} should be consumable from pods in volume with mappings as non-root ${NODE}`),
        async () => {
          const name = pods.name("shown");
          await make(name, values);
          const spec = { volumes: [volume("v1", name, mapped())], securityContext: { runAsUser: 1000 } };
          const script = "id -u; cat /v/path/to/data-2; stat -L -c ' %A' /v/path/to/data-2";
          expect(await pods.said(script, spec, mounted("/v"))).toBe("1000\nvalue-2 -rw-r--r--\n");
        },
      );
      test.concurrent(storage(`${title} updates should be reflected in volume ${NODE}`), async () => {
        const name = pods.name("shown");
        await make(name, values);
        const pod = await pods.pod(
          "while :; do cat /v/data-1; echo; sleep 0.1; done",
          { volumes: [volume("v1", name)] },
          mounted("/v"),
        );
        await pods.says(pod, "value-1\n");
        await cluster.api(
          "PATCH",
          pods.path(resource, name),
          { data: { "data-1": "value-9" } },
          "application/merge-patch+json",
        );
        await pods.says(pod, "value-9\n");
        await pods.remove(pod);
      });
    } else {
      const words = "should be consumable from pods in volume as non-root with defaultMode and fsGroup set";
      test.concurrent(storage(`${title} ${words} ${LINUX}`), async () => {
        const name = pods.name("shown");
        await make(name, values);
        const spec = { volumes: [volume("v1", name, {}, 0o440)], securityContext: { runAsUser: 1000, fsGroup: 1001 } };
        const script = "id -u; cat /v/data-1; stat -L -c ' %A %g' /v/data-1";
        expect(await pods.said(script, spec, mounted("/v"))).toBe("1000\nvalue-1 -r--r----- 1001\n");
      });
    }
    const optional = title === "Secrets" ? "Secrets" : title;
    test.concurrent(storage(`${optional} optional updates should be reflected in volume ${NODE}`), async () => {
      const [create, update, remove] = [pods.name("create"), pods.name("update"), pods.name("delete")];
      await Promise.all([make(update, { "data-1": "value-1" }), make(remove, { "data-1": "value-1" })]);
      const volumes = [create, update, remove].map((name, index) => volume(`v${index + 1}`, name, { optional: true }));
      const show = (key: string) => `$(cat /v/${key} 2>/dev/null || echo none)`;
      const script = `while :; do echo "${show("data-1")}/${show("data-3")}"; sleep 0.1; done`;
      const containers = volumes.map((one, index) => ({
        name: ["create", "update", "delete"][index],
        image: "busybox:test",
        command: ["sh", "-c", script],
        volumeMounts: [{ name: one.name, mountPath: "/v" }],
      }));
      const pod = await pods.pod("", { volumes, containers });
      const say = (...each: [create: string, update: string, remove: string]) =>
        Promise.all(each.map((words, index) => pods.says(pod, `${words}\n`, containers[index]!.name)));
      await say("none/none", "value-1/none", "value-1/none");
      const encode = kind === "secret" ? btoa : (text: string) => text;
      await cluster.api("DELETE", pods.path(resource, remove));
      const patch = { data: { "data-1": null, "data-3": encode("value-3") } };
      await cluster.api("PATCH", pods.path(resource, update), patch, "application/merge-patch+json");
      await make(create, { "data-1": "value-1" });
      await say("value-1/none", "none/value-3", "none/none");
      await pods.remove(pod);
    });
  });
}

test.concurrent(storage(`ConfigMap binary data should be reflected in volume ${NODE}`), async () => {
  const name = pods.name("binary");
  await pods.configMap(
    name,
    { "data-1": "value-1" },
    { binaryData: { "dump.bin": Buffer.from([0xde, 0xca, 0xfe, 0x00]).toString("base64") } },
  );
  const volumes = [{ name: "v1", configMap: { name } }];
  expect(
    await pods.said("cat /v/data-1; echo; hexdump -v -e '1/1 \"%02x\"' /v/dump.bin", { volumes }, mounted("/v")),
  ).toBe("value-1\ndecafe00");
});

test.concurrent(
  storage(
    `Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace ${NODE}`,
  ),
  async () => {
    const name = pods.name("twin");
    const other = pods.name("other");
    await cluster.api("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: other } });
    await Promise.all([
      pods.secret(name, { "data-1": "here" }),
      new ClusterPods(cluster, other).secret(name, { "data-1": "there" }),
    ]);
    const volumes = [{ name: "v1", secret: { secretName: name } }];
    const script = "cat /v/data-1; stat -L -c ' %A' /v/data-1";
    expect(await pods.said(script, { volumes }, mounted("/v"))).toBe("here -rw-r--r--\n");
    await cluster.api("DELETE", `/api/v1/namespaces/${other}`);
  },
);

for (const [title, kind, resource] of [
  ["ConfigMap", "ConfigMap", "configmaps"],
  ["Secrets", "Secret", "secrets"],
] as const) {
  test.concurrent(storage(`${title} should be immutable if \`immutable\` field is set [Conformance]`), async () => {
    const name = pods.name("immutable");
    const value = (text: string) => (kind === "Secret" ? btoa(text) : text);
    await pods.make(resource, { apiVersion: "v1", kind, metadata: { name }, data: { "data-1": value("value-1") } });
    const change = async (patch: object) =>
      (await cluster.api("PATCH", pods.path(resource, name), patch, "application/merge-patch+json")).status;
    expect(await change({ data: { "data-2": value("value-2") } })).toBe(200);
    expect(await change({ immutable: true })).toBe(200);
    expect(await change({ data: { "data-3": value("value-3") } })).toBe(422);
    expect(await change({ immutable: false })).toBe(422);
    expect(await change({ metadata: { labels: { still: "changeable" } } })).toBe(200);
    expect((await cluster.api("GET", pods.path(resource, name))).body).toMatchObject({
      metadata: { labels: { still: "changeable" } },
      immutable: true,
      data: { "data-1": value("value-1"), "data-2": value("value-2") },
    });
    const { status, body } = await cluster.api("DELETE", pods.path(resource, name));
    expect([status, body.status]).toEqual([200, "Success"]);
  });
}

/** The downward API in a volume of its own and projected. */
for (const [title, projected] of [
  ["Downward API volume", false],
  ["Projected downwardAPI", true],
] as const) {
  const volume = (items: object[], more: object = {}) =>
    projected
      ? { name: "v1", projected: { sources: [{ downwardAPI: { items } }], ...more } }
      : { name: "v1", downwardAPI: { items, ...more } };
  const podName = { path: "podname", fieldRef: { fieldPath: "metadata.name" } };
  const resource = (name: string, divisor: string) => ({
    path: "amount",
    resourceFieldRef: { containerName: "main", resource: name, divisor },
  });
  const resources = { limits: { cpu: "1250m", memory: "64Mi" }, requests: { cpu: "250m", memory: "32Mi" } };

  /** The mode of a file that has to tell the pod's name, which is its host name too. */
  const shown = (volumes: object[]) =>
    pods.said('[ "$(cat /v/podname)" = "$(hostname)" ] && stat -L -c %A /v/podname', { volumes }, mounted("/v"));

  describe(title, () => {
    test.concurrent(storage(`${title} should provide podname only ${NODE}`), async () => {
      expect(await shown([volume([podName])])).toBe("-rw-r--r--\n");
    });
    test.concurrent(storage(`${title} should set DefaultMode on files ${LINUX}`), async () => {
      expect(await shown([volume([podName], { defaultMode: 0o400 })])).toBe("-r--------\n");
    });
    test.concurrent(storage(`${title} should set mode on item file ${LINUX}`), async () => {
      expect(await shown([volume([{ ...podName, mode: 0o400 }])])).toBe("-r--------\n");
    });
    test.concurrent.each(
      [
        ["cpu limit", "limits.cpu", "1m", "1250"],
        ["cpu request", "requests.cpu", "1m", "250"],
        ["memory limit", "limits.memory", "1Mi", "64"],
        ["memory request", "requests.memory", "1Mi", "32"],
      ].map((row) => [storage(`${title} should provide container's ${row[0]} ${NODE}`), ...row]),
    )("%s", async (_, __, name, divisor, expected) => {
      const volumes = [volume([resource(name!, divisor!)])];
      expect(await pods.said("cat /v/amount", { volumes }, { ...mounted("/v"), resources })).toBe(expected!);
    });
    for (const name of ["cpu", "memory"] as const) {
      const words = `should provide node allocatable (${name}) as default ${name} limit if the limit is not set`;
      test.concurrent(storage(`${title} ${words} ${NODE}`), async () => {
        const [node] = (await cluster.api("GET", "/api/v1/nodes")).body.items;
        const said = await pods.said(
          "cat /v/amount",
          { volumes: [volume([resource(`limits.${name}`, "1")])] },
          mounted("/v"),
        );
        const text: string = node.status.allocatable[name];
        const allocatable = text.endsWith("Ki") ? Number.parseInt(text, 10) * 1024 : Number(text);
        expect(Math.abs(Number(said) - allocatable)).toBeLessThan(1024);
      });
    }
    for (const what of ["labels", "annotations"] as const) {
      test.concurrent(storage(`${title} should update ${what} on modification ${NODE}`), async () => {
        const volumes = [volume([{ path: what, fieldRef: { fieldPath: `metadata.${what}` } }])];
        const pod = await pods.pod(`while :; do cat /v/${what}; echo; sleep 0.1; done`, { volumes }, mounted("/v"), {
          [what]: { builder: "bar" },
        });
        await pods.says(pod, 'builder="bar"\n');
        await cluster.api(
          "PATCH",
          pods.path("pods", pod),
          { metadata: { [what]: { builder: "foo", another: "new" } } },
          "application/merge-patch+json",
        );
        await pods.says(pod, 'another="new"\nbuilder="foo"\n');
        await pods.remove(pod);
      });
    }
  });
}

test.concurrent(
  storage(`Projected combined should project all components that make up the projection API [Projection] ${NODE}`),
  async () => {
    const name = pods.name("all");
    await Promise.all([
      pods.configMap(name, { "configmap-data": "configmap-value-1" }),
      pods.secret(name, { "secret-data": "secret-value-1" }),
    ]);
    const resource = (path: string, one: string, divisor: string) => ({
      path,
      resourceFieldRef: { containerName: "main", resource: one, divisor },
    });
    const items = [
      { path: "podname", fieldRef: { fieldPath: "metadata.name" } },
      resource("cpu_limit", "limits.cpu", "1m"),
      resource("cpu_request", "requests.cpu", "1m"),
      resource("memory_limit", "limits.memory", "1Mi"),
      resource("memory_request", "requests.memory", "1Mi"),
    ];
    const sources = [
      { secret: { name, items: [{ key: "secret-data", path: "secret-data" }] } },
      { configMap: { name, items: [{ key: "configmap-data", path: "configmap-data" }] } },
      { downwardAPI: { items } },
    ];
    const resources = { limits: { cpu: "500m", memory: "64Mi" }, requests: { cpu: "250m", memory: "32Mi" } };
    const script =
      "cd /v; hostname; for f in podname secret-data configmap-data cpu_limit cpu_request memory_limit memory_request; do cat $f; echo; done";
    const said = await pods.said(
      script,
      { volumes: [{ name: "v1", projected: { sources } }] },
      { ...mounted("/v"), resources },
    );
    expect(said).toMatch(/^(pod-\d+)\n\1\nsecret-value-1\nconfigmap-value-1\n500\n250\n64\n32\n$/);
  },
);

describe("paths inside volumes", () => {
  const subpath = (words: string) =>
    storage(`Subpath Atomic writer volumes should support subpaths with ${words} [Conformance]`);
  const mount = (mountPath: string, subPath: string) => ({ volumeMounts: [{ name: "v1", mountPath, subPath }] });
  test.concurrent(subpath("configmap pod"), async () => {
    const name = pods.name("sub");
    await pods.configMap(name, { "configmap-key": "configmap-value" });
    const volumes = [{ name: "v1", configMap: { name } }];
    expect(await pods.said("cat /v/file", { volumes }, mount("/v/file", "configmap-key"))).toBe("configmap-value");
  });
  test.concurrent(subpath("configmap pod with mountPath of existing file"), async () => {
    const name = pods.name("sub");
    await pods.configMap(name, { "configmap-key": "configmap-value" });
    const volumes = [{ name: "v1", configMap: { name } }];
    expect(await pods.said("cat /etc/passwd; ls /etc/group", { volumes }, mount("/etc/passwd", "configmap-key"))).toBe(
      "configmap-value/etc/group\n",
    );
  });
  test.concurrent(subpath("secret pod"), async () => {
    const name = pods.name("sub");
    await pods.secret(name, { "secret-key": "secret-value" });
    const volumes = [{ name: "v1", secret: { secretName: name } }];
    expect(await pods.said("cat /v/file", { volumes }, mount("/v/file", "secret-key"))).toBe("secret-value");
  });
  test.concurrent(subpath("downward pod"), async () => {
    const volumes = [
      { name: "v1", downwardAPI: { items: [{ path: "downward/podname", fieldRef: { fieldPath: "metadata.name" } }] } },
    ];
    const script = "cat /v/podname; echo; hostname";
    expect(await pods.said(script, { volumes }, mount("/v", "downward"))).toMatch(/^(pod-\d+)\n\1\n$/);
  });
  test.concurrent(subpath("projected pod"), async () => {
    const name = pods.name("sub");
    await pods.configMap(name, { "projected-key": "projected-value" });
    const sources = [{ configMap: { name, items: [{ key: "projected-key", path: "in/projected-key" }] } }];
    const volumes = [{ name: "v1", projected: { sources } }];
    expect(await pods.said("cat /v/projected-key", { volumes }, mount("/v", "in"))).toBe("projected-value");
  });
  test.concurrent("a path that leads out of its volume keeps the container from starting", async () => {
    const volumes = [{ name: "v1", emptyDir: {} }];
    const image = "busybox:test";
    const init = {
      name: "trick",
      image,
      command: ["ln", "-s", "/", "/v/out"],
      volumeMounts: [{ name: "v1", mountPath: "/v" }],
    };
    const name = await pods.pod("ls /v", { volumes, initContainers: [init] }, mount("/v", "out/etc"));
    const isWaiting = (pod: { status?: { containerStatuses?: { state: { waiting?: { reason: string } } }[] } }) =>
      pod.status?.containerStatuses?.[0]?.state.waiting?.reason === "CreateContainerConfigError";
    const pod = await pods.when(name, isWaiting);
    expect(pod.status.containerStatuses[0].state.waiting.message).toContain("out/etc");
    await pods.remove(name);
  });
});

test.concurrent(storage("EmptyDir wrapper volumes should not conflict [Conformance]"), async () => {
  const name = pods.name("both");
  await Promise.all([pods.configMap(name, { a: "1" }), pods.secret(name, { b: "2" })]);
  const volumes = [
    { name: "v1", secret: { secretName: name } },
    { name: "v2", configMap: { name } },
  ];
  expect(await pods.said("cat /s/b /c/a", { volumes }, mounted("/s", "/c"))).toBe("21");
});

test.concurrent(
  storage("EmptyDir wrapper volumes should not cause race condition when used for configmaps [Serial] [Conformance]"),
  async () => {
    const maps = Array.from({ length: 50 }, () => pods.name("race"));
    await Promise.all(maps.map((name) => pods.configMap(name, { "data-1": "value-1" })));
    const volumes = maps.map((name, index) => ({ name: `v${index + 1}`, configMap: { name } }));
    const container = mounted(...maps.map((_, index) => `/etc/config-${index}`));
    const said = await Promise.all(
      Array.from({ length: 5 }, () => pods.said("cat /etc/config-*/data-1 | wc -c", { volumes }, container)),
    );
    expect(said).toEqual(Array(5).fill("350\n"));
  },
);

test.concurrent(storage("CSIInlineVolumes should support CSIVolumeSource in Pod API [Conformance]"), async () => {
  const csi = { driver: "inline.example.com", readOnly: false, volumeAttributes: { size: "1Mi" } };
  // No node has this label: the API keeps the pod, and nothing runs it.
  const spec = { volumes: [{ name: "v1", csi }], nodeSelector: { "example.com/nowhere": "true" } };
  const name = await pods.pod("true", spec, mounted("/v"), { labels: { csi: "inline" } });
  expect((await pods.get(name)).spec.volumes).toEqual([{ name: "v1", csi }]);
  const patch = { metadata: { labels: { csi: "patched" } } };
  const patched = await cluster.api("PATCH", pods.path("pods", name), patch, "application/merge-patch+json");
  expect(patched.status).toBe(200);
  const { body } = await cluster.api("GET", `/api/v1/pods?labelSelector=csi%3Dpatched`);
  expect(body.items.map((pod: { spec: object }) => pod.spec)).toEqual([
    expect.objectContaining({ volumes: [{ name: "v1", csi }] }),
  ]);
  await pods.remove(name);
  await eventually(async () => (await pods.get(name)).code === 404, 30_000);
});

describe("persistent volumes", () => {
  const claim = (name: string, spec: object = {}) =>
    pods.make("persistentvolumeclaims", {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } }, ...spec },
    });
  const uses = (claimName: string) => ({ volumes: [{ name: "v1", persistentVolumeClaim: { claimName } }] });
  const read = async (name: string) => (await cluster.api("GET", pods.path("persistentvolumeclaims", name))).body;
  const volumePath = (name: string) => `/api/v1/persistentvolumes/${name}`;

  test.concurrent("local-path: made for the first pod, kept between pods, held while used, gone with its claim", async () => {
    const name = pods.name("claim");
    await claim(name);
    expect((await read(name)).spec.storageClassName).toBe("local-path");
    await pods.said("echo kept > /v/file", uses(name), mounted("/v"));
    const bound = await read(name);
    expect(bound.status).toMatchObject({ phase: "Bound", capacity: { storage: "1Mi" } });
    const pod = await pods.pod("cat /v/file; sleep 1000", uses(name), mounted("/v"));
    await pods.says(pod, "kept");
    await cluster.api("DELETE", pods.path("persistentvolumeclaims", name));
    const waiting = await read(name);
    expect(waiting.metadata.deletionTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(waiting.metadata.finalizers).toContain("kubernetes.io/pvc-protection");
    await pods.remove(pod);
    await eventually(async () => (await read(name)).code === 404, 30_000);
    await eventually(async () => (await cluster.api("GET", volumePath(bound.spec.volumeName))).status === 404, 30_000);
  });

  test.concurrent("a volume made by hand: bound by its class and size, kept when its claim goes", async () => {
    const [name, className] = [pods.name("static"), pods.name("by-hand")];
    const path = `${cluster.daemon.root}/${name}`;
    const volume = (volumeName: string, storage: string) =>
      cluster.api("POST", "/api/v1/persistentvolumes", {
        apiVersion: "v1",
        kind: "PersistentVolume",
        metadata: { name: volumeName },
        spec: {
          capacity: { storage },
          accessModes: ["ReadWriteOnce"],
          storageClassName: className,
          hostPath: { path, type: "DirectoryOrCreate" },
        },
      });
    await Promise.all([volume(`${name}-small`, "1Mi"), volume(`${name}-large`, "1Gi"), volume(`${name}-right`, "5Mi")]);
    await claim(name, { storageClassName: className, resources: { requests: { storage: "2Mi" } } });
    await eventually(async () => (await read(name)).status?.phase === "Bound", 30_000);
    expect((await read(name)).spec.volumeName).toBe(`${name}-right`);
    await pods.said("echo by hand > /v/file", uses(name), mounted("/v"));
    await cluster.api("DELETE", pods.path("persistentvolumeclaims", name));
    await eventually(
      async () => (await cluster.api("GET", volumePath(`${name}-right`))).body.status?.phase === "Released",
      30_000,
    );
    expect(await Bun.file(`${path}/file`).text()).toBe("by hand\n");
    await Promise.all(["small", "large", "right"].map((one) => cluster.api("DELETE", volumePath(`${name}-${one}`))));
  });

  test.concurrent.each([
    ["block volumes", { volumeMode: "Block" }, "has no block volumes"],
    ["copies", { dataSource: { kind: "PersistentVolumeClaim", name: "other" } }, "makes empty volumes"],
  ])("local-path has no %s, and says so", async (_what, spec, said) => {
    const name = pods.name("refused");
    await claim(name, spec);
    const pod = await pods.pod("true", uses(name), mounted("/v"));
    const about = `/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3D${name}`;
    await eventually(async () => {
      const { body } = await cluster.api("GET", about);
      return body.items.some(
        (event: { reason: string; message: string }) =>
          event.reason === "ProvisioningFailed" && event.message.includes(said),
      );
    }, 30_000);
    expect((await read(name)).status.phase).toBe("Pending");
    await pods.remove(pod);
    await cluster.api("DELETE", pods.path("persistentvolumeclaims", name));
  });

  test.concurrent("a generic ephemeral volume lives as long as its pod", async () => {
    const volumeClaimTemplate = {
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    };
    const pod = await pods.pod(
      "echo x > /v/file && cat /v/file",
      { volumes: [{ name: "v1", ephemeral: { volumeClaimTemplate } }] },
      mounted("/v"),
    );
    await pods.says(pod, "x");
    expect((await read(`${pod}-v1`)).metadata.ownerReferences[0]).toMatchObject({ kind: "Pod", name: pod });
    await pods.remove(pod);
    await eventually(async () => (await read(`${pod}-v1`)).code === 404, 30_000);
  });
});
