/** What this machine tells the cluster of itself: capacity, addresses, conditions, images. */

import { readFile, statfs } from "node:fs/promises";
import { arch, cpus, networkInterfaces, release, totalmem } from "node:os";
import { NARU_VERSION } from "../../lib/version.ts";
import type { ImageSummary } from "../../model/image.ts";
import type { NodeCondition, NodeStatus } from "../../model/kubernetes/core.ts";
import { KUBERNETES_VERSION } from "./kubernetes-version.ts";
import type { NodePressure } from "./node-pressure.ts";

/** As many as a node agent reports. */
const MAX_IMAGES = 50;
const MAX_PODS = 500;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export function machineName(): string {
  return ARCHITECTURES[arch()] ?? arch();
}

/** The first address that others can reach; the loopback's on a machine without a network. */
export function machineAddress(): string {
  const addresses = Object.entries(networkInterfaces())
    // Bridges of ours and of other engines are no way to the machine.
    .filter(([name]) => !/^(nr|br-|docker|veth|cni|virbr)/.test(name))
    .flatMap(([, list]) => list ?? [])
    .filter(({ internal, family }) => !internal && family === "IPv4");
  return addresses[0]?.address ?? "127.0.0.1";
}

interface NodeFacts {
  name: string;
  address: string;
  dataRoot: string;
  images: readonly ImageSummary[];
  pressure: NodePressure;
  /** Unix milliseconds. */
  now: number;
}

export async function nodeStatus(before: NodeStatus | undefined, facts: NodeFacts): Promise<NodeStatus> {
  const { name, address, dataRoot, images, pressure, now } = facts;
  const disk = await statfs(dataRoot).catch(() => undefined);
  const diskBytes = disk === undefined ? 0 : disk.blocks * disk.bsize;
  const amounts = {
    cpu: String(cpus().length),
    "ephemeral-storage": `${Math.floor(diskBytes / 1024)}Ki`,
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(MAX_PODS),
  };
  return {
    ...before,
    capacity: { ...before?.capacity, ...amounts },
    allocatable: { ...before?.allocatable, ...amounts, "ephemeral-storage": String(Math.floor(diskBytes * 0.9)) },
    conditions: nodeConditions(before, pressure, now),
    addresses: [
      { type: "InternalIP", address },
      { type: "Hostname", address: name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: await nodeInfo(),
    images: shownImages(images),
  };
}

function nodeConditions(before: NodeStatus | undefined, pressure: NodePressure, now: number): NodeCondition[] {
  const stamp = `${new Date(now).toISOString().slice(0, 19)}Z`;
  const make = (type: string, status: string, reason: string, message: string): NodeCondition => {
    const old = before?.conditions?.find((one) => one.type === type);
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? stamp) : stamp;
    return { type, status, lastHeartbeatTime: stamp, lastTransitionTime, reason, message };
  };
  const ours = [
    pressure.memory
      ? make("MemoryPressure", "True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")
      : make("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    pressure.disk
      ? make("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure")
      : make("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    pressure.processes
      ? make("PIDPressure", "True", "KubeletHasInsufficientPID", "kubelet has insufficient PID available")
      : make("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    make("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
  ];
  const others = (before?.conditions ?? []).filter(({ type }) => !ours.some((one) => one.type === type));
  return [...others, ...ours];
}

async function nodeInfo(): Promise<NonNullable<NodeStatus["nodeInfo"]>> {
  const read = async (path: string) => (await readFile(path, "utf8").catch(() => "")).trim();
  const [machineID, systemUUID, bootID, osRelease] = await Promise.all([
    read("/etc/machine-id"),
    read("/sys/class/dmi/id/product_uuid"),
    read("/proc/sys/kernel/random/boot_id"),
    read("/etc/os-release"),
  ]);
  return {
    architecture: machineName(),
    bootID,
    containerRuntimeVersion: `naru://${NARU_VERSION}`,
    kernelVersion: release(),
    kubeProxyVersion: "",
    kubeletVersion: KUBERNETES_VERSION,
    machineID,
    operatingSystem: "linux",
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? "Linux",
    systemUUID: systemUUID || machineID,
  };
}

function shownImages(images: readonly ImageSummary[]): NonNullable<NodeStatus["images"]> {
  return [...images]
    .sort((a, b) => b.Size - a.Size)
    .slice(0, MAX_IMAGES)
    .map(({ RepoDigests, RepoTags, Size }) => ({
      names: [...(RepoDigests ?? []), ...(RepoTags ?? [])],
      sizeBytes: Size,
    }));
}
