import { describe, expect, test } from "bun:test";
import type { Resources } from "../../../src/model/container.ts";
import { containerDevices, deviceNumbers } from "../../../src/runtime/oci-devices.ts";
import { containerResources } from "../../../src/runtime/oci-resources.ts";

const v1 = { cgroupVersion: "1", blkioWeight: true } as const;
const v2 = { cgroupVersion: "2", blkioWeight: true } as const;

describe("containerResources", () => {
  test.each<[Resources, object]>([
    [{}, {}],
    [{ Memory: 0, NanoCpus: 0, PidsLimit: 0, MemorySwappiness: null }, {}],
    [{ Memory: 64 }, { memory: { limit: 64, swap: 128 } }],
    [{ Memory: 64, MemorySwap: 100 }, { memory: { limit: 64, swap: 100 } }],
    [{ Memory: 64, MemorySwap: -1 }, { memory: { limit: 64 } }],
    [{ MemoryReservation: 32 }, { memory: { reservation: 32 } }],
    [{ MemorySwappiness: 0 }, { memory: { swappiness: 0 } }],
    [{ MemorySwappiness: -1, OomKillDisable: false }, {}],
    [{ OomKillDisable: true }, { memory: { disableOOMKiller: true } }],
    [{ NanoCpus: 1.5e9 }, { cpu: { quota: 150000, period: 100000 } }],
    [{ CpuQuota: 50000, CpuPeriod: 200000 }, { cpu: { quota: 50000, period: 200000 } }],
    [{ CpuQuota: -1, CpuPeriod: 200000 }, { cpu: { period: 200000 } }],
    [{ CpuShares: 512, CpusetCpus: "0", CpusetMems: "0" }, { cpu: { shares: 512, cpus: "0", mems: "0" } }],
    [{ CpuRealtimePeriod: 1000, CpuRealtimeRuntime: 900 }, { cpu: { realtimePeriod: 1000, realtimeRuntime: 900 } }],
    [{ PidsLimit: 100 }, { pids: { limit: 100 } }],
    [{ PidsLimit: -1 }, {}],
    [{ BlkioWeight: 300 }, { blockIO: { weight: 300 } }],
    [
      { BlkioDeviceReadBps: [{ Path: "/dev/null", Rate: 9 }], BlkioDeviceWriteIOps: [{ Path: "/dev/zero", Rate: 8 }] },
      {
        blockIO: {
          throttleReadBpsDevice: [{ major: 1, minor: 3, rate: 9 }],
          throttleWriteIOPSDevice: [{ major: 1, minor: 5, rate: 8 }],
        },
      },
    ],
  ])("%j", async (resources, expected) => {
    expect(await containerResources(resources, v1)).toEqual(expected);
  });

  test("leaves out what version 2 does not have, and weights where there are none", async () => {
    const resources = { MemorySwappiness: 10, OomKillDisable: true, PidsLimit: 5 };
    expect(await containerResources(resources, v2)).toEqual({ pids: { limit: 5 } });
    expect(await containerResources({ BlkioWeight: 300 }, { ...v1, blkioWeight: false })).toEqual({});
  });

  test.each([
    [1, 2, "the minimum allowed cpu-shares is 2"],
    [262_145, 262_144, "the maximum allowed cpu-shares is 262144"],
  ])("%d shares are refused on version 1 and %d on version 2", async (CpuShares, shares, message) => {
    await expect(containerResources({ CpuShares }, v1)).rejects.toThrow(message);
    expect(await containerResources({ CpuShares }, v2)).toEqual({ cpu: { shares } });
  });

  test("a missing device is named", async () => {
    const resources = { BlkioDeviceWriteBps: [{ Path: "/dev/nosuch", Rate: 1 }] };
    await expect(containerResources(resources, v1)).rejects.toThrow("stat /dev/nosuch: no such file or directory");
  });
});

describe("containerDevices", () => {
  const device = (PathOnHost: string, PathInContainer = "", CgroupPermissions = "") => ({
    PathOnHost,
    PathInContainer,
    CgroupPermissions,
  });
  const deny = { allow: false, access: "rwm" };
  const tun = { allow: true, type: "c", major: 10, minor: 200, access: "rwm" };

  test("none by default but the one for tunnels", async () => {
    expect(await containerDevices({})).toEqual({ nodes: [], rules: [deny, tun] });
  });

  test("one, with its rule, and rules of the user's", async () => {
    const { nodes, rules } = await containerDevices({
      Devices: [device("/dev/null", "/dev/foo", "r")],
      DeviceCgroupRules: ["c 42:* rmw", "a *:* rwm", "b 8:1 r"],
    });
    expect(nodes).toMatchObject([{ path: "/dev/foo", type: "c", major: 1, minor: 3, uid: 0, gid: 0 }]);
    expect(rules).toEqual([
      deny,
      tun,
      { allow: true, type: "c", major: 1, minor: 3, access: "r" },
      { allow: true, type: "c", major: 42, minor: undefined, access: "rmw" },
      { allow: true, type: "a", major: undefined, minor: undefined, access: "rwm" },
      { allow: true, type: "b", major: 8, minor: 1, access: "r" },
    ]);
  });

  test("privileged has all, and links only under their own name", async () => {
    const { nodes, rules } = await containerDevices({ Privileged: true, Devices: [device("/dev/null", "/dev/mine")] });
    const paths = nodes.map(({ path }) => path);
    expect(paths).toContain("/dev/null");
    expect(paths).toContain("/dev/mine");
    expect(paths).not.toContain("/dev/stdin");
    expect(paths).not.toContain("/dev/console");
    expect(paths.filter((path) => path.startsWith("/dev/pts/"))).toEqual([]);
    expect(rules).toEqual([deny, { allow: true, access: "rwm" }]);
  });

  test.each([
    [{ Devices: [device("/dev/nosuch")] }, 'adding custom device "/dev/nosuch": no such file or directory'],
    [{ Devices: [device("/etc/passwd")] }, 'adding custom device "/etc/passwd": not a device node'],
    [{ DeviceCgroupRules: ["x 1:1 r"] }, "invalid device cgroup rule format: 'x 1:1 r'"],
  ])("refuses %j", async (request, message) => {
    await expect(containerDevices(request)).rejects.toThrow(message);
  });

  test.each([
    [0x0103, 1, 3],
    [0xfe00, 254, 0],
    [0x100007, 0, 263],
    [0x12345678 + 0, 0x456, 0x12378],
  ])("device number %p", (rdev, major, minor) => {
    expect(deviceNumbers(rdev)).toEqual({ major, minor });
  });
});
