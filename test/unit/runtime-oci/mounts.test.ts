import { describe, expect, test } from "bun:test";
import type { ResolvedMount } from "../../../src/runtime/contract.ts";
import { containerMounts, needsPropagation, rootPropagation } from "../../../src/runtime/oci-mounts.ts";

const bind: ResolvedMount = {
  type: "bind",
  source: "/host",
  destination: "/v",
  readOnly: false,
  propagation: "",
  options: [],
  recursive: true,
};
const tmpfs: ResolvedMount = { ...bind, type: "tmpfs", source: "" };

function mountsOf(hostConfig: object, mounts: ResolvedMount[] = [], initPath?: string): Record<string, string> {
  const all = containerMounts({ hostConfig, mounts, initPath, recursiveReadOnly: true });
  return Object.fromEntries(
    all.map(({ destination, type, source, options }) => [destination, `${type} ${source} ${options.join()}`]),
  );
}

const DEFAULT = {
  "/proc": "proc proc nosuid,noexec,nodev",
  "/dev": "tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k",
  "/dev/pts": "devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
  "/sys": "sysfs sysfs nosuid,noexec,nodev,ro",
  "/sys/fs/cgroup": "cgroup cgroup ro,nosuid,noexec,nodev",
  "/dev/mqueue": "mqueue mqueue nosuid,noexec,nodev",
  "/dev/shm": "tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864",
};

describe("containerMounts", () => {
  test("every container's", () => expect(mountsOf({})).toEqual(DEFAULT));

  test.each([
    ["shm size", { ShmSize: 1024 }, { "/dev/shm": "tmpfs shm nosuid,noexec,nodev,mode=1777,size=1024" }],
    ["host ipc", { IpcMode: "host" }, { "/dev/shm": "bind /dev/shm rbind,rprivate" }],
    [
      "privileged",
      { Privileged: true },
      { "/sys": "sysfs sysfs nosuid,noexec,nodev", "/sys/fs/cgroup": "cgroup cgroup nosuid,noexec,nodev" },
    ],
  ])("%s", (_, hostConfig, changed) => {
    expect(mountsOf(hostConfig)).toEqual({ ...DEFAULT, ...changed });
  });

  test("no ipc, no shared memory", () => {
    const { "/dev/shm": _, ...rest } = DEFAULT;
    expect(mountsOf({ IpcMode: "none" })).toEqual(rest as never);
  });

  test("init comes read-only", () => {
    expect(mountsOf({}, [], "/run/init")["/sbin/docker-init"]).toBe("bind /run/init bind,ro");
  });

  test.each<[string, ResolvedMount, string]>([
    ["plain", bind, "bind /host rbind,rprivate"],
    ["read-only, submounts too", { ...bind, readOnly: true }, "bind /host rbind,rro,rprivate"],
    ["read-only, submounts not", { ...bind, readOnly: true, options: ["ro"] }, "bind /host rbind,ro,rprivate"],
    ["not recursive", { ...bind, recursive: false }, "bind /host bind,private"],
    ["propagation", { ...bind, propagation: "rslave" }, "bind /host rbind,rslave"],
    ["tmpfs", tmpfs, "tmpfs tmpfs noexec,nosuid,nodev,rprivate"],
    ["tmpfs options", { ...tmpfs, options: ["exec", "size=1m"] }, "tmpfs tmpfs nosuid,nodev,rprivate,exec,size=1m"],
    ["tmpfs, said twice", { ...tmpfs, options: ["nodev"] }, "tmpfs tmpfs noexec,nosuid,rprivate,nodev"],
    ["tmpfs read-only", { ...tmpfs, readOnly: true }, "tmpfs tmpfs noexec,nosuid,nodev,ro,rprivate"],
    [
      "overlay",
      { ...bind, type: "overlay", options: ["lowerdir=/a:/b"], readOnly: true },
      "overlay overlay ro,lowerdir=/a:/b",
    ],
  ])("user's: %s", (_, mount, expected) => {
    expect(mountsOf({}, [mount])["/v"]).toBe(expected);
  });

  test("a user's mount takes the place of the default one", () => {
    const mounts = mountsOf({}, [
      { ...tmpfs, destination: "/dev/shm" },
      { ...bind, destination: "/dev/mqueue" },
    ]);
    expect(mounts["/dev/shm"]).toStartWith("tmpfs tmpfs ");
    expect(mounts["/dev/mqueue"]).toStartWith("bind /host ");
    expect(Object.keys(mounts)).toHaveLength(7);
    expect(Object.keys(mountsOf({}, [{ ...bind, destination: "/dev" }])).sort()).toEqual([
      "/dev",
      "/proc",
      "/sys",
      "/sys/fs/cgroup",
    ]);
  });

  test("read-only root: the daemon's own files too, volumes not", () => {
    const mounts = mountsOf({ ReadonlyRootfs: true, Privileged: true }, [
      { ...bind, destination: "/etc/hosts" },
      bind,
      { ...tmpfs, destination: "/t" },
    ]);
    expect(mounts["/etc/hosts"]).toBe("bind /host rbind,rro,rprivate");
    expect(mounts["/v"]).toBe("bind /host rbind,rprivate");
    expect(mounts["/t"]).not.toContain(",ro");
    expect(mounts["/dev/shm"]).not.toContain(",ro");
    expect(mounts["/sys"]).not.toContain(",ro");
  });
});

test.each([
  [[], undefined],
  [["rprivate", ""], undefined],
  [["rslave"], "rslave"],
  [["slave", "shared"], "shared"],
  [["rshared"], "shared"],
])("propagation of the root for mounts %j", (propagations, expected) => {
  const mounts = propagations.map((propagation) => ({ ...bind, propagation }));
  expect(rootPropagation(mounts)).toBe(expected as never);
  expect(needsPropagation(mounts)).toBe(expected !== undefined);
});
