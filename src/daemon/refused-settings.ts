/** Settings of dockerd's that naru does not support: why, and what to do instead. */
import { refused, type Setting } from "./setting.ts";

const NO_CONTAINERD = "naru drives crun itself and has no containerd; leave the setting out";
const NO_SWARM = "naru has no swarm; leave the setting out";
const ONE_RUNTIME = "naru uses crun (or runc) as it finds it; install the one you want and leave the setting out";
const NO_BRIDGE_V6 = "naru's default bridge is IPv4 only; leave the setting out";

export const REFUSED: Setting[] = [
  refused("add-runtime", "list", ONE_RUNTIME, undefined, "runtimes"),
  refused("default-runtime", "string", ONE_RUNTIME, "crun"),
  refused("allow-direct-routing", "bool", "naru does not filter direct routes to containers", false),
  refused(
    "authorization-plugin",
    "list",
    "naru has no plugins; limit access by the socket's group or client certificates",
    undefined,
    "authorization-plugins",
  ),
  refused("bip6", "string", NO_BRIDGE_V6),
  refused("bridge", "string", "naru makes the default bridge itself; choose its address with bip"),
  refused(
    "cdi-spec-dir",
    "list",
    "naru does not read CDI specifications; name devices with --device",
    undefined,
    "cdi-spec-dirs",
  ),
  refused("cgroup-parent", "string", "naru keeps its containers in a cgroup of its own; use run --cgroup-parent"),
  refused("containerd", "string", NO_CONTAINERD),
  refused("containerd-namespace", "string", NO_CONTAINERD),
  refused("containerd-plugins-namespace", "string", NO_CONTAINERD),
  refused("cri-containerd", "bool", NO_CONTAINERD, false),
  refused("cpu-rt-period", "int", "real-time scheduling is set per container (run --cpu-rt-period)"),
  refused("cpu-rt-runtime", "int", "real-time scheduling is set per container (run --cpu-rt-runtime)"),
  refused("default-gateway", "string", "the gateway of the default bridge is its own address; choose it with bip"),
  refused("default-gateway-v6", "string", NO_BRIDGE_V6),
  refused(
    "default-network-opt",
    "map",
    "give options to each network (network create --opt)",
    undefined,
    "default-network-opts",
  ),
  refused("exec-opt", "list", "naru chooses the cgroup driver by what the machine has", undefined, "exec-opts"),
  refused("fixed-cidr", "string", "choose the default bridge's network with bip"),
  refused("fixed-cidr-v6", "string", NO_BRIDGE_V6),
  {
    ...refused("host-gateway-ip", "list", "host-gateway is the address of the default bridge"),
    key: "host-gateway-ips",
    olderKey: "host-gateway-ip",
  },
  refused("init-path", "string", "naru brings its own init"),
  refused("ip6tables", "bool", "the firewall's IPv6 part cannot be turned off alone; use iptables=false", true),
  refused("ip-forward", "bool", "containers reach nothing without the kernel's forwarding", true),
  refused("ip-forward-no-drop", "bool", "naru does not touch the policy of the FORWARD chain", true),
  refused("ipv6", "bool", NO_BRIDGE_V6, false),
  refused("metrics-addr", "string", "naru has no metrics listener; ask GET /containers/{id}/stats"),
  refused("network-control-plane-mtu", "int", NO_SWARM),
  refused("network-diagnostic-port", "int", NO_SWARM),
  refused("node-generic-resource", "list", NO_SWARM, undefined, "node-generic-resources"),
  refused("rootless", "bool", "naru needs root", false),
  refused("selinux-enabled", "bool", "naru sets no SELinux labels", false),
  refused("storage-opt", "list", "the storage driver overlay2 has no options here", undefined, "storage-opts"),
  refused("swarm-default-advertise-addr", "string", NO_SWARM),
  refused("userland-proxy", "bool", "published ports need no proxy process in naru", false),
  refused("userland-proxy-path", "string", "published ports need no proxy process in naru"),
  refused("userns-remap", "string", "naru does not remap users"),
];
