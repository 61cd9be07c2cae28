/** Services, names and ports of pods as the conformance requirements of the network list them. All tests ask the same few pods. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { conformance } from "../support/conformance.ts";
import { eventually } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { GUESTBOOK, GUESTBOOK_FILES } from "../support/guestbook.ts";
import { answering, NetworkPods } from "../support/network-pods.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever object the API answers
type Json = any;

const MERGE = "application/merge-patch+json";
const FOREVER = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
const WEB = ["web-0", "web-1", "web-2"];
const TCP = { name: "http", port: 80, targetPort: 8080 };
const UDP = { name: "udp", port: 80, targetPort: 8081, protocol: "UDP" };
const shell = { command: ["sh", "-c", FOREVER] };

let cluster: TestClusterDaemon;
let pods: NetworkPods;
let nodeIp: string;
let hostPort: number;
const ips: Record<string, string> = {};

beforeAll(async () => {
  cluster = await startCluster();
  pods = new NetworkPods(cluster);
  const imported = pods.importNetworkImage();
  const [node] = (await cluster.api("GET", "/api/v1/nodes")).body.items;
  nodeIp = node.status.addresses.find((one: Json) => one.type === "InternalIP").address;
  hostPort = await freePort();
  await imported;
  const port = (protocol: string, hostIP: string) => ({
    ports: [{ hostPort, hostIP, protocol, containerPort: protocol === "UDP" ? 8081 : 8080 }],
  });
  await pods.service("family", { clusterIP: "None", selector: { in: "family" }, ports: [TCP] });
  await Promise.all([
    ...WEB.map((name) => pods.named(name, { app: "web", friend: "yes" })),
    pods.named("client", {}, {}, shell),
    pods.named("on-node", {}, { hostNetwork: true }, shell),
    pods.named("querier", { in: "family" }, { hostname: "querier-1", subdomain: "family" }),
    pods.named(
      "own-dns",
      {},
      { dnsPolicy: "None", dnsConfig: { nameservers: ["1.1.1.1"], searches: ["resolv.conf.local"] } },
      shell,
    ),
    pods.named("port-1", {}, {}, port("TCP", "127.0.0.1")),
    pods.named("port-2", {}, {}, port("TCP", nodeIp)),
    pods.named("port-3", {}, {}, port("UDP", nodeIp)),
  ]);
  for (const name of [...WEB, "client", "on-node", "querier", "own-dns"])
    ips[name] = (await pods.running(name)).status.podIP;
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const network = (words: string) => conformance(`[sig-network] ${words} [Conformance]`);
const read = async (name: string) => (await cluster.api("GET", pods.path("services", name))).body;
const change = async (name: string, spec: object) => {
  const { status, body } = await cluster.api("PATCH", pods.path("services", name), { spec }, MERGE);
  if (status !== 200) throw new Error(`PATCH ${name}: ${JSON.stringify(body)}`);
  return body;
};
const get = (host: string, port: number) => `http-ask ${host} ${port} 2>&1`;
const isWeb = (said: string) => WEB.includes(said.trim());
/** Asks sixteen times, and answers who did. */
const askers = (host: string, port: number) => `http-ask ${host} ${port} 16 2>&1 | sort | uniq`;
const names = (said: string) => said.trim().split("\n");
const lookup = (name: string, type: string) => `nslookup -type=${type} ${name} 2>&1`;
/** As programs look for a name that is no full one. */
const searched = (name: string, type: string) =>
  `for end in $(sed -n 's/^search //p' /etc/resolv.conf); do ${lookup(`${name}.$end`, type)}; done`;

describe("network policies", () => {
  const policyPath = (name = "") => `/apis/networking.k8s.io/v1/namespaces/${pods.namespace}/networkpolicies/${name}`;
  const isolate = async (name: string, spec: object) => {
    const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec };
    const { status, body } = await cluster.api("POST", policyPath().slice(0, -1), policy);
    if (status !== 201) throw new Error(`POST networkpolicies: ${JSON.stringify(body)}`);
  };
  const remove = (name: string) => cluster.api("DELETE", policyPath(name));
  const refused = (said: string) => !isWeb(said) && !said.includes("guarded");
  const answered = (said: string) => said.trim() === "guarded";

  test.concurrent("an endpoint sees who asks its service, and may ask itself through it", async () => {
    const name = pods.name("seen");
    await pods.service(name, { selector: { app: "web" }, ports: [TCP] });
    const { clusterIP } = (await read(name)).spec;
    const who = `http-ask ${clusterIP} 80 1 /cgi-bin/client 2>&1`;
    await pods.until("client", who, (said) => names(said).at(-1) === `[::ffff:${ips.client}]`);
    for (const web of WEB) expect(new Set(names(await pods.ask(web, askers(clusterIP, 80))))).toContain(web);
  });

  test.concurrent("only what a policy opens reaches an isolated pod, directly and through its service", async () => {
    const name = pods.name("guarded");
    await pods.named("guarded", { guarded: "yes" });
    const ip = (await pods.running("guarded")).status.podIP;
    await pods.service(name, { selector: { guarded: "yes" }, ports: [TCP, UDP] });
    const { clusterIP } = (await read(name)).spec;
    await pods.until("client", get(clusterIP, 80), answered);
    await isolate(name, { podSelector: { matchLabels: { guarded: "yes" } }, policyTypes: ["Ingress"] });
    await pods.until("client", get(ip, 8080), refused);
    // The node itself always may: probes come from there.
    const [byWeb, byNode] = await Promise.all([
      pods.ask("web-0", get(clusterIP, 80)),
      pods.ask("on-node", get(ip, 8080)),
    ]);
    expect([refused(byWeb), answered(byNode)]).toEqual([true, true]);
    const from = [{ podSelector: { matchLabels: { friend: "yes" } } }];
    await isolate(`${name}-web`, {
      podSelector: { matchLabels: { guarded: "yes" } },
      policyTypes: ["Ingress"],
      ingress: [{ from, ports: [{ port: 8080 }] }],
    });
    await pods.until("web-0", get(clusterIP, 80), answered);
    const [opened, otherPort, other] = await Promise.all([
      pods.ask("web-1", get(ip, 8080)),
      pods.ask("web-1", `udp-ask ${ip} 8081 2>&1`),
      pods.ask("client", get(ip, 8080)),
    ]);
    expect([answered(opened), answered(otherPort), answered(other)]).toEqual([true, false, false]);
    // Who gets a fitting label may at once.
    await cluster.api("PATCH", pods.path("pods", "querier"), { metadata: { labels: { friend: "yes" } } }, MERGE);
    await pods.until("querier", get(ip, 8080), answered);
    for (const policy of [name, `${name}-web`]) await remove(policy);
    await pods.until("client", get(clusterIP, 80), answered);
  });

  test.concurrent("a pod is isolated from its first moment on, and connects only where a policy lets it", async () => {
    const name = pods.name("caged");
    const podSelector = { matchLabels: { caged: "yes" } };
    const block = { cidr: "0.0.0.0/0", except: [`${ips["web-1"]}/32`] };
    await isolate(name, { podSelector, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: block }] }] });
    const early = `sh -c 'while :; do http-ask ${ips["web-1"]} 8080 >>/tmp/said 2>&1; sleep 0.1; done'`;
    await pods.named("caged", { caged: "yes" }, {}, { command: ["sh", "-c", `${early} & ${FOREVER}`] });
    await pods.running("caged");
    expect(isWeb(await pods.ask("caged", get(ips["web-0"]!, 8080)))).toBe(true);
    expect(isWeb(await pods.ask("caged", get(ips["web-1"]!, 8080)))).toBe(false);
    expect(await pods.ask("caged", "cat /tmp/said")).not.toContain("web-1");
    await remove(name);
    await pods.until("caged", get(ips["web-1"]!, 8080), isWeb);
  });
});

describe("names", () => {
  const resolves = (name: string, wanted: string[]) =>
    pods.until("client", `resolve ${name}`, (said) => names(said).sort().join() === [...wanted].sort().join());

  test.concurrent(network("DNS should provide DNS for the cluster"), async () => {
    const { spec } = await read("kubernetes");
    for (const name of ["kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"])
      await resolves(name, [spec.clusterIP]);
  });
  test.concurrent(network("DNS should provide /etc/hosts entries for the cluster"), async () => {
    const hosts = await pods.ask("querier", "cat /etc/hosts; hostname; hostname -f");
    expect(hosts).toContain(`${ips.querier}\tquerier-1.family.default.svc.cluster.local\tquerier-1\n`);
    expect(hosts).toEndWith("\nquerier-1\nquerier-1.family.default.svc.cluster.local\n");
  });
  for (const what of ["Hostname", "Subdomain"]) {
    test.concurrent(network(`DNS should provide DNS for pods for ${what}`), async () => {
      const host = what === "Hostname" ? "querier-1.family" : "family";
      for (const name of [`${host}.default.svc.cluster.local`, host]) await resolves(name, [ips.querier!]);
    });
  }
  for (const [words, suffixes] of [
    ["provide DNS for services", ["", ".default", ".default.svc", ".default.svc.cluster.local"]],
    ["resolve DNS of partial qualified names for services [LinuxOnly]", ["", ".default", ".default.svc"]],
  ] as const) {
    test.concurrent(network(`DNS should ${words}`), async () => {
      const [headless, normal] = [pods.name("headless"), pods.name("normal")];
      await pods.service(headless, { clusterIP: "None", selector: { app: "web" }, ports: [TCP] });
      await pods.service(normal, { selector: { app: "web" }, ports: [TCP] });
      const { clusterIP } = (await read(normal)).spec;
      const all = WEB.map((name) => ips[name]!);
      for (const suffix of suffixes) {
        await resolves(`${headless}${suffix}`, all);
        await resolves(`${normal}${suffix}`, [clusterIP]);
      }
      const srv = words === "provide DNS for services" ? lookup : searched;
      for (const [name, count, port] of [
        [headless, 3, 8080],
        [normal, 1, 80],
      ] as const) {
        const said = await pods.ask("client", srv(`_http._tcp.${name}${suffixes.at(-1)}`, "srv"));
        const records = [...said.matchAll(/service = \d+ \d+ (\d+) (\S+)/g)];
        expect(records.map((record) => record[1])).toEqual(Array(count).fill(String(port)));
        for (const record of records) expect(record[2]).toEndWith(`${name}.default.svc.cluster.local`);
      }
      if (words !== "provide DNS for services") return;
      const reverse = `${clusterIP.split(".").reverse().join(".")}.in-addr.arpa`;
      expect(await pods.ask("client", lookup(reverse, "ptr"))).toContain(`name = ${normal}.default.svc.cluster.local`);
    });
  }
  test.concurrent(network("DNS should provide DNS for ExternalName services"), async () => {
    const name = pods.name("external");
    const full = `${name}.default.svc.cluster.local`;
    await pods.service(name, { type: "ExternalName", externalName: "foo.example.com" });
    await pods.until("client", lookup(full, "cname"), (said) => said.includes("canonical name = foo.example.com"));
    await change(name, { externalName: "bar.example.com" });
    await pods.until("client", lookup(full, "cname"), (said) => said.includes("canonical name = bar.example.com"));
    await change(name, { type: "ClusterIP", externalName: null, ports: [TCP] });
    await resolves(full, [(await read(name)).spec.clusterIP]);
  });
  test.concurrent(network("DNS should support configurable pod DNS nameservers"), async () => {
    const said = await pods.ask("own-dns", "cat /etc/resolv.conf");
    expect(said.trim().split("\n").sort()).toEqual(["nameserver 1.1.1.1", "search resolv.conf.local"]);
  });
});

test.concurrent(
  conformance(
    "[sig-cli] Kubectl client Guestbook application should create and stop a working application [Conformance]",
  ),
  async () => {
    const folder = join(cluster.daemon.root, "guestbook");
    await Promise.all(Object.entries(GUESTBOOK_FILES).map(([file, text]) => Bun.write(join(folder, file), text)));
    const built = await cluster.daemon.naru(["build", "-q", "-t", "guestbook:test", folder]);
    if (built.code !== 0) throw new Error(`the guest book was not built: ${built.stderr}`);
    await cluster.kubectlSays(["create", "-f", "-"], JSON.stringify(GUESTBOOK));
    for (const part of ["leader", "follower", "front-end"]) {
      await cluster.kubectlSays(["rollout", "status", `deployment/guestbook-${part}`, "--timeout=60s"]);
    }
    // Through the front end's service, as a browser would come.
    const front = (query: string) =>
      cluster.api("GET", `/api/v1/namespaces/default/services/guestbook-front-end/proxy/guestbook?${query}`);
    const reads = async (data: string) => {
      const { status, body } = await front("cmd=get&key=messages");
      return status === 200 && body.data === data;
    };
    await eventually(() => reads(""), 30_000);
    await eventually(
      async () => (await front("cmd=set&key=messages&value=TestEntry")).body.message === "Updated",
      30_000,
    );
    await eventually(() => reads("TestEntry"), 30_000);
    await cluster.kubectlSays(["delete", "-f", "-", "--wait"], JSON.stringify(GUESTBOOK));
    // Replica sets and pods go after their deployments.
    const left = ["get", "all", "-l", "app=guestbook", "-o", "name", "--ignore-not-found"];
    await eventually(async () => (await cluster.kubectlSays(left)) === "", 30_000);
  },
);

describe("connections between pods", () => {
  for (const [from, pod, more] of [
    ["intra-pod", "client", "[NodeConformance]"],
    ["node-pod", "on-node", "[LinuxOnly] [NodeConformance]"],
  ] as const) {
    for (const protocol of ["http", "udp"]) {
      const words = `should function for ${from} communication: ${protocol} ${more}`;
      test.concurrent(network(`Networking Granular Checks: Pods ${words}`), async () => {
        for (const name of WEB) {
          const script = protocol === "http" ? get(ips[name]!, 8080) : `udp-ask ${ips[name]} 8081`;
          await pods.until(
            pod,
            script,
            (said) => said === `${name}\n`,
            (one, words) => pods.askByKubectl(one, words),
          );
        }
      });
    }
  }
  test.concurrent(
    network(
      "HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol [LinuxOnly]",
    ),
    async () => {
      for (const name of ["port-1", "port-2", "port-3"]) await pods.running(name);
      await pods.until("on-node", get("127.0.0.1", hostPort), (said) => said === "port-1\n");
      await pods.until("on-node", get(nodeIp, hostPort), (said) => said === "port-2\n");
      await pods.until("on-node", `udp-ask ${nodeIp} ${hostPort}`, (said) => said === "port-3\n");
    },
  );
});

test.concurrent(
  conformance(
    "[sig-apps] ReplicationController should serve a basic image on each replica with a public image [Conformance]",
  ),
  async () => {
    const labels = { app: pods.name("replicated") };
    await pods.make("replicationcontrollers", {
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: { name: labels.app },
      spec: {
        replicas: 2,
        selector: labels,
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [answering()] } },
      },
    });
    let replicas: Json[] = [];
    await eventually(async () => {
      const { items } = (await cluster.api("GET", `${pods.path("pods")}?labelSelector=app%3D${labels.app}`)).body;
      replicas = items.filter((pod: Json) => pod.status.phase === "Running");
      return replicas.length === 2;
    }, 30_000);
    for (const { metadata, status } of replicas) {
      const isIt = (said: string) => said.trim() === metadata.name;
      for (const script of [
        get(status.podIP, 8080),
        `udp-ask ${status.podIP} 8081`,
        `nc ${status.podIP} 8082 </dev/null`,
      ])
        await pods.until("client", script, isIt);
    }
  },
);

describe("services", () => {
  /** Reachable by name and by its address, and on the node when it has a port there. */
  const reachable = async (name: string, wanted: (said: string) => boolean = isWeb) => {
    const { clusterIP, ports } = (await read(name)).spec;
    await pods.until("client", get(name, 80), wanted);
    await pods.until("client", get(clusterIP, 80), wanted);
    if (ports[0].nodePort !== undefined) await pods.until("client", get(nodeIp, ports[0].nodePort), wanted);
  };

  test.concurrent(network("Services should be able to create a functioning NodePort service"), async () => {
    const name = pods.name("node-port");
    await pods.service(name, { type: "NodePort", selector: { app: "web" }, ports: [TCP] });
    const { nodePort } = (await read(name)).spec.ports[0];
    expect([nodePort >= 30_000, nodePort <= 32_767]).toEqual([true, true]);
    await reachable(name);
  });

  for (const type of ["ClusterIP", "NodePort"]) {
    const kind = type === "ClusterIP" ? "service with type clusterIP" : "NodePort service";
    const make = async () => {
      const name = pods.name("affine");
      await pods.service(name, { type, sessionAffinity: "ClientIP", selector: { app: "web" }, ports: [TCP] });
      await reachable(name);
      const { clusterIP, ports } = (await read(name)).spec;
      return { name, script: type === "ClusterIP" ? askers(clusterIP, 80) : askers(nodeIp, ports[0].nodePort) };
    };
    const sticks = async (script: string) => {
      const who = await pods.until("client", script, (said) => isWeb(said));
      expect(await pods.ask("client", script)).toBe(who);
    };
    test.concurrent(network(`Services should have session affinity work for ${kind} [LinuxOnly]`), async () =>
      sticks((await make()).script),
    );
    test.concurrent(network(`Services should be able to switch session affinity for ${kind} [LinuxOnly]`), async () => {
      const { name, script } = await make();
      await sticks(script);
      await change(name, { sessionAffinity: "None" });
      await pods.until("client", script, (said) => names(said).length > 1 && names(said).every(isWeb));
      await change(name, { sessionAffinity: "ClientIP" });
      await sticks(script);
    });
  }

  test.concurrent("a load balancer answers those in its source ranges alone", async () => {
    const [name, port] = [pods.name("guarded"), await freePort()];
    const only = (loadBalancerSourceRanges: string[] | null) => change(name, { loadBalancerSourceRanges });
    const [script, isNobody] = [get(nodeIp, port), (said: string) => !isWeb(said)];
    await pods.service(name, {
      type: "LoadBalancer",
      selector: { app: "web" },
      ports: [{ ...TCP, port }],
      // One lies within another; a wider one around the client could hold its neighbour too.
      loadBalancerSourceRanges: ["10.254.0.0/16", ` ${ips.client}/32 `, "2001:db8::/32", "10.254.7.1/24"],
    });
    await pods.until("client", script, isWeb);
    expect(await pods.ask("querier", script)).toSatisfy(isNobody);
    // Behind the cluster's own address everybody finds it.
    await pods.until("querier", get((await read(name)).spec.clusterIP, port), isWeb);
    await only(["2001:db8::/32"]);
    await pods.until("client", script, isNobody);
    await only(null);
    await Promise.all(["client", "querier"].map((who) => pods.until(who, script, isWeb)));
    for (const [spec, why] of [
      [{ loadBalancerSourceRanges: ["10.0.0.0/8", "10.0.0.1"] }, "spec.LoadBalancerSourceRanges[1]"],
      [
        { type: "NodePort", loadBalancerSourceRanges: ["10.0.0.0/8"] },
        "may only be used when `type` is 'LoadBalancer'",
      ],
    ] as const) {
      const { status, body } = await cluster.api("PATCH", pods.path("services", name), { spec }, MERGE);
      expect([status, body.message]).toEqual([422, expect.stringContaining(why)]);
    }
  });

  for (const type of ["ClusterIP", "NodePort"]) {
    test.concurrent(network(`Services should be able to change the type from ExternalName to ${type}`), async () => {
      const name = pods.name("from-external");
      await pods.service(name, { type: "ExternalName", externalName: "example.com" });
      expect((await read(name)).spec.clusterIP ?? "").toBe("");
      await change(name, { type, externalName: null, selector: { app: "web" }, ports: [TCP] });
      const { clusterIP, ports } = (await read(name)).spec;
      expect(clusterIP).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(ports[0].nodePort === undefined).toBe(type === "ClusterIP");
      await reachable(name);
    });
    test.concurrent(network(`Services should be able to change the type from ${type} to ExternalName`), async () => {
      const [name, target] = [pods.name("to-external"), pods.name("target")];
      await pods.service(name, { type, selector: { app: "web" }, ports: [TCP] });
      await pods.service(target, { selector: { app: "web" }, ports: [TCP] });
      const { clusterIP, ports } = (await read(name)).spec;
      expect(clusterIP).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      const externalName = `${target}.default.svc.cluster.local`;
      const nodePort = ports[0].nodePort === undefined ? {} : { ports: [{ ...ports[0], nodePort: null }] };
      await change(name, { type: "ExternalName", externalName, clusterIP: null, clusterIPs: null, ...nodePort });
      const { spec } = await read(name);
      expect(spec.clusterIP ?? "").toBe("");
      expect(spec.ports?.[0]?.nodePort).toBeUndefined();
      const targetIp = (await read(target)).spec.clusterIP;
      await pods.until("client", `resolve ${name}`, (said) => names(said).includes(targetIp));
      if (type === "ClusterIP") return;
      // The port on the nodes is free again.
      const again = { ...TCP, nodePort: ports[0].nodePort };
      const heir = {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: pods.name("heir") },
        spec: { type: "NodePort", ports: [again] },
      };
      await eventually(async () => (await cluster.api("POST", pods.path("services"), heir)).status === 201);
    });
  }

  test.concurrent(network("Services should serve endpoints on same port and different protocols"), async () => {
    const name = pods.name("both");
    await pods.service(name, { selector: { app: "web" }, ports: [TCP, UDP] });
    const { clusterIP } = (await read(name)).spec;
    const [tcp, udp] = [get(clusterIP, 80), `udp-ask ${clusterIP} 80`];
    const fails = (said: string) => !isWeb(said);
    for (const script of [tcp, udp]) await pods.until("client", script, isWeb);
    await change(name, { ports: [TCP] });
    await pods.until("client", udp, fails);
    await pods.until("client", tcp, isWeb);
    await change(name, { ports: [UDP] });
    await pods.until("client", tcp, fails);
    await pods.until("client", udp, isWeb);
  });
});
