import { expect, test } from "bun:test";
import { serviceAddressController } from "../../../../src/kube/controllers/service-ranges/address-controller.ts";
import { serviceRangeController } from "../../../../src/kube/controllers/service-ranges/range-controller.ts";
import { isHeldByOther, usableCidrs } from "../../../../src/kube/controllers/service-ranges/service-ranges.ts";
import { AddressRange, cidrFault } from "../../../../src/kube/resources/address-range.ts";
import { createServiceAddresses } from "../../../../src/kube/resources/service-addresses.ts";
import { isStatus } from "../../../../src/kube/status.ts";
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from "../../../../src/model/kubernetes/names.ts";
import { createTestCluster } from "../../../support/test-cluster.ts";

test("what is wrong with a range is told", () => {
  const table: [string, string | undefined][] = [
    ["10.0.0.0/8", undefined],
    ["10.96.0.0/16", undefined],
    ["10.1.1.0/30", undefined],
    ["10.96.0.1/16", 'must be in canonical form ("10.96.0.0/16")'],
    ["10.1.1.0/31", "must have between 8 and 30 bits: smaller ranges hold no address to give"],
    ["10.1.1.0", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
    ["10.1.1.0/33", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
    ["fd00::/64", "naru gives services IPv4 addresses alone"],
  ];
  for (const [cidr, fault] of table) expect([cidr, cidrFault(cidr)]).toEqual([cidr, fault]);
});

test("addresses are chosen while there are any, those with a fixed place last", () => {
  const given = new Set<string>();
  const small = new AddressRange("10.1.1.0/30");
  const choose = (range: AddressRange) => {
    const address = range.choose((one) => !given.has(one));
    if (address !== undefined) given.add(address);
    return address;
  };
  expect([choose(small), choose(small)].sort()).toEqual(["10.1.1.1", "10.1.1.2"]);
  expect(choose(small)).toBeUndefined();
  const large = new AddressRange("10.2.0.0/26");
  const order = Array.from({ length: 62 }, () => Number(choose(large)!.split(".")[3]));
  expect(order.slice(0, 31).sort((a, b) => a - b)).toEqual(Array.from({ length: 31 }, (_, at) => 32 + at));
  expect(new Set(order).size).toBe(62);
  expect(choose(large)).toBeUndefined();
});

test("services have addresses of every range that is ready, each with its object; a range stays while it is needed", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  const { client, core } = cluster;
  const own = "10.96.0.0/30";
  const range = {
    cidrs: () => usableCidrs(client, own),
    isHeld: (address: string) => isHeldByOther(client, address),
    nodePorts: [30000, 30001] as const,
  };
  core.admission.push(createServiceAddresses(range, () => client.informer(SERVICES).list()));
  const ending = new AbortController();
  const failures: string[] = [];
  const tools = { client, now: Date.now, log: (message: string) => failures.push(message) };
  const ended = [serviceRangeController(tools), serviceAddressController(tools)].map((part) => part.run(ending.signal));
  const until = async <T>(read: () => T, wanted: T) => {
    for (let turn = 0; !Bun.deepEquals(read(), wanted) && turn < 5000; turn++) await Bun.sleep(1);
    expect(read()).toEqual(wanted);
  };
  const serve = async (name: string, clusterIP?: string) => {
    const spec = { ports: [{ port: 80 }], ...(clusterIP === undefined ? {} : { clusterIP }) };
    const made = await client
      .resource(SERVICES)
      .create("default", { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec });
    return made.spec?.clusterIP;
  };
  const addRange = (name: string, cidr: string) =>
    client.resource(SERVICE_CIDRS).create(undefined, {
      apiVersion: "networking.k8s.io/v1",
      kind: "ServiceCIDR",
      metadata: { name },
      spec: { cidrs: [cidr] },
    });
  const holders = () =>
    client
      .informer(IP_ADDRESSES)
      .list()
      .map(({ metadata, spec }) => `${metadata.name} ${spec?.parentRef.namespace ?? ""}/${spec?.parentRef.name}`);
  const ready = (name: string) =>
    client
      .informer(SERVICE_CIDRS)
      .get(undefined, name)
      ?.status?.conditions?.find(({ type }) => type === "Ready");

  expect([await serve("a"), await serve("b")].sort()).toEqual(["10.96.0.1", "10.96.0.2"]);
  const refusal = await serve("c").catch((error) => error);
  expect(isStatus(refusal, "Invalid") && refusal.message).toContain("failed to allocate a serviceIP: range is full");
  await addRange("more", "10.97.0.0/30");
  await until(() => ready("more")?.status, "True");
  await client.resource(IP_ADDRESSES).create(undefined, {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: { name: "10.97.0.1" },
    spec: { parentRef: { group: "gateways", resource: "gateways", name: "g" } },
  });
  expect(await serve("c")).toBe("10.97.0.2");
  await until(() => holders().at(-1), "10.97.0.2 default/c");
  expect(holders()).toContain("10.97.0.1 /g");
  // The object of a service that still has the address comes back.
  const { metadata } = await client.resource(IP_ADDRESSES).get(undefined, "10.97.0.2");
  await client.resource(IP_ADDRESSES).delete(undefined, "10.97.0.2");
  await until(
    () => [metadata.uid, undefined].includes(client.informer(IP_ADDRESSES).get(undefined, "10.97.0.2")?.metadata.uid),
    false,
  );

  await client.resource(SERVICE_CIDRS).delete(undefined, "more");
  await until(() => ready("more")?.reason, "Terminating");
  const full = await serve("d").catch((error) => error);
  expect(isStatus(full, "Invalid")).toBe(true);
  await client.resource(SERVICES).delete("default", "c");
  await client.resource(IP_ADDRESSES).delete(undefined, "10.97.0.1");
  await until(() => client.informer(SERVICE_CIDRS).get(undefined, "more"), undefined);
  expect(holders().length).toBe(2);
  ending.abort();
  await Promise.all(ended);
  expect([failures, cluster.errors]).toEqual([[], []]);
});

test("names and parents of addresses, and ranges that cannot be, are told", async () => {
  await using cluster = await createTestCluster({ builtin: true });
  const fieldsOf = async (action: Promise<unknown>) => {
    const error = await action.catch((failure) => failure);
    return isStatus(error, "Invalid") ? error.details?.causes?.map(({ field }) => field) : error;
  };
  const address = (name: string, parentRef: object) =>
    cluster.client.resource(IP_ADDRESSES).create(undefined, {
      apiVersion: "networking.k8s.io/v1",
      kind: "IPAddress",
      metadata: { name },
      spec: { parentRef: { resource: "services", name: "a", ...parentRef } },
    });
  expect(await fieldsOf(address("10.0.0.300", {}))).toEqual(["metadata.name"]);
  expect(await fieldsOf(address("FD00::1", {}))).toEqual(["metadata.name"]);
  expect(await fieldsOf(address("10.0.0.3", { resource: "", name: "" }))).toEqual([
    "spec.parentRef.resource",
    "spec.parentRef.name",
  ]);
  const cidrs = (...list: string[]) =>
    cluster.client.resource(SERVICE_CIDRS).create(undefined, {
      apiVersion: "networking.k8s.io/v1",
      kind: "ServiceCIDR",
      metadata: { name: "one" },
      spec: { cidrs: list },
    });
  expect(await fieldsOf(cidrs())).toEqual(["spec.cidrs"]);
  expect(await fieldsOf(cidrs("10.0.0.0/24", "fd00::/64"))).toEqual(["spec.cidrs"]);
  expect(await fieldsOf(cidrs("10.0.0.1/24"))).toEqual(["spec.cidrs[0]"]);
  await cidrs("10.0.0.0/24");
  const changed = cluster.client
    .resource(SERVICE_CIDRS)
    .patch(undefined, "one", "merge", { spec: { cidrs: ["10.0.1.0/24"] } });
  expect(await fieldsOf(changed)).toEqual(["spec.cidrs"]);
});
