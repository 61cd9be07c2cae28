/**
 * Every setting of the daemon: dockerd's flag names and configuration keys, their types and defaults, and what naru says
 * to those it does not support. One table for the command line, the configuration file and --help.
 */
import { REFUSED } from "./refused-settings.ts";
import { type Setting, setting } from "./setting.ts";

export const DEFAULT_CONFIG_FILE = "/etc/naru/daemon.json";

const SOCKETS_AND_FILES: Setting[] = [
  setting("host", "list", "Listen here: unix://PATH, tcp://ADDRESS:PORT or fd:// (repeatable)", {
    short: "H",
    key: "hosts",
    defaultText: "unix:///run/naru/naru.sock",
  }),
  setting("docker-socket", "bool", "Also listen on /var/run/docker.sock when nobody does"),
  setting("group", "string", "Group of the unix sockets", { short: "G", defaultText: "naru" }),
  setting("data-root", "string", "Directory of images, volumes and containers", { defaultText: "/var/lib/naru" }),
  setting("exec-root", "string", "Directory of what lives only until a reboot", { defaultText: "/run/naru" }),
  setting("pidfile", "string", "File for the daemon's process id", { short: "p", defaultText: "<exec-root>/naru.pid" }),
  setting("config-file", "string", "Configuration file", { key: undefined, defaultText: DEFAULT_CONFIG_FILE }),
  setting("tls", "bool", "Use TLS on tcp:// addresses; implied by --tlsverify"),
  setting("tlsverify", "bool", "Use TLS and let in only clients with a certificate of the CA"),
  setting("tlscacert", "string", "Certificate of the CA that signs clients", { defaultText: "~/.docker/ca.pem" }),
  setting("tlscert", "string", "Certificate of the daemon", { defaultText: "~/.docker/cert.pem" }),
  setting("tlskey", "string", "Key of the daemon", { defaultText: "~/.docker/key.pem" }),
];

const DAEMON: Setting[] = [
  setting("debug", "bool", "Log everything, requests too", { short: "D", isReloadable: true }),
  setting("log-level", "string", "debug, info, warn, error or fatal", {
    short: "l",
    defaultText: "info",
    isReloadable: true,
  }),
  setting("log-format", "string", "text or json", { defaultText: "text" }),
  setting("raw-logs", "bool", "Accepted; log lines have whole times and no colours anyway"),
  setting("label", "list", "A key=value that `info` shows (repeatable)", { key: "labels", isReloadable: true }),
  setting("live-restore", "bool", "Containers outlive the daemon", { defaultText: "true", isReloadable: true }),
  setting("shutdown-timeout", "int", "Seconds that requests under way get when the daemon ends", {
    defaultText: "15",
    isReloadable: true,
  }),
  setting("experimental", "bool", "Call the daemon experimental; nothing else depends on it"),
  setting("feature", "features", "buildkit=false: let clients build by POST /build (repeatable)", {
    key: "features",
    isReloadable: true,
  }),
  setting("http-proxy", "string", "Proxy for http:// downloads"),
  setting("https-proxy", "string", "Proxy for https:// downloads"),
  setting("no-proxy", "string", "Hosts that are reached without a proxy"),
];

const SPACE = 'bytes, "20GB" or "10%" of the disk';
const BUILDER: Setting[] = [
  setting("builder-allow-network-host", "bool", "Builds may use the host's network (--allow network.host)", {
    key: "builder.entitlements.network-host",
    defaultText: "true",
    isReloadable: true,
  }),
  setting("builder-allow-insecure", "bool", "Builds may run privileged (--allow security.insecure)", {
    key: "builder.entitlements.security-insecure",
    isReloadable: true,
  }),
  setting("builder-gc", "bool", "Keep the build cache within limits by itself", {
    key: "builder.gc.enabled",
    defaultText: "true",
    isReloadable: true,
  }),
  setting("builder-reserved-space", "string", `Build cache that is always kept: ${SPACE}`, {
    key: "builder.gc.defaultReservedSpace",
    isReloadable: true,
  }),
  setting("builder-max-used-space", "string", `What the build cache may take: ${SPACE}`, {
    key: "builder.gc.defaultMaxUsedSpace",
    isReloadable: true,
  }),
  setting("builder-min-free-space", "string", `What the build cache leaves free on the disk: ${SPACE}`, {
    key: "builder.gc.defaultMinFreeSpace",
    isReloadable: true,
  }),
  setting("builder-keep-storage", "string", "dockerd's older name of --builder-reserved-space", {
    key: "builder.gc.defaultKeepStorage",
    isReloadable: true,
  }),
  setting(
    "builder-gc-policy",
    "string",
    "Rules instead of those limits, a JSON array as in dockerd's builder.gc.policy",
    {
      key: "builder.gc.policy",
      isReloadable: true,
    },
  ),
];

const CONTAINERS: Setting[] = [
  setting("default-ulimit", "ulimits", "Limit of processes, NAME=SOFT[:HARD] (repeatable)", { key: "default-ulimits" }),
  setting("default-shm-size", "bytes", "Size of /dev/shm", { defaultText: "64MiB", isReloadable: true }),
  setting("default-ipc-mode", "string", "private or shareable", { defaultText: "private", isReloadable: true }),
  setting("default-cgroupns-mode", "string", "private or host", { isReloadable: true }),
  setting("init", "bool", "Run an init process in every container"),
  setting("log-driver", "string", "json-file, local or none", { defaultText: "json-file" }),
  setting("log-opt", "map", "Option of the log driver, KEY=VALUE (repeatable)", { key: "log-opts" }),
  setting("no-new-privileges", "bool", "Containers cannot gain privileges unless they say otherwise"),
  setting("seccomp-profile", "string", "A profile file, builtin or unconfined", { defaultText: "builtin" }),
  setting("storage-driver", "string", "overlay2", { short: "s", defaultText: "overlay2" }),
];

const NETWORKING: Setting[] = [
  setting("bip", "string", "Address of the default bridge, e.g. 172.17.0.1/16"),
  setting("mtu", "int", "MTU of the default bridge"),
  setting("icc", "bool", "Containers on the default bridge reach each other", { defaultText: "true" }),
  setting("ip", "string", "Host address of published ports", { defaultText: "0.0.0.0" }),
  setting("ip-masq", "bool", "Masquerade what leaves the default bridge", { defaultText: "true" }),
  setting("iptables", "bool", "Also let containers through the chains of other firewalls (FORWARD, DOCKER-USER)", {
    defaultText: "true",
  }),
  setting("default-address-pool", "pools", "Pool of new networks, base=CIDR,size=N (repeatable)", {
    key: "default-address-pools",
  }),
  setting("dns", "list", "Name server of containers (repeatable)"),
  setting("dns-opt", "list", "Option of their resolver (repeatable)", { key: "dns-opts" }),
  setting("dns-search", "list", "Domain they search (repeatable)"),
];

const REGISTRIES: Setting[] = [
  setting("registry", "section", "Also serve a registry at HOST:PORT (in the file also an object of its settings)"),
  setting("registry-root", "string", "Directory of that registry", { defaultText: "<data-root>/registry" }),
  setting("registry-config", "string", "Settings of that registry, as of 'naru registry serve --config'"),
  setting("registry-mirror", "list", "Mirror of Docker Hub, asked before it, https://HOST[:PORT] (repeatable)", {
    key: "registry-mirrors",
    isReloadable: true,
  }),
  setting("host-mirror", "list", "Mirror of another registry, HOST=https://MIRROR[:PORT] (repeatable)", {
    key: "host-mirrors",
    isReloadable: true,
  }),
  setting("insecure-registry", "list", "Registry without TLS or with an unknown certificate, HOST[:PORT] or CIDR", {
    key: "insecure-registries",
    isReloadable: true,
  }),
  setting("registry-certs-dir", "list", "Directory with a folder of certificates per registry (repeatable)", {
    key: "registry-certs-dirs",
    defaultText: "/etc/naru/certs.d, /etc/docker/certs.d",
    isReloadable: true,
  }),
  setting("signature-policy", "string", "File that says which images may be pulled and run (docs/signatures.md)", {
    isReloadable: true,
  }),
  setting("max-concurrent-downloads", "int", "Layers pulled at once; 0 for no limit", {
    defaultText: "3",
    isReloadable: true,
  }),
  setting("max-concurrent-uploads", "int", "Layers pushed at once; 0 for no limit", {
    defaultText: "5",
    isReloadable: true,
  }),
  setting("max-download-attempts", "int", "Attempts per layer before a download is given up", {
    defaultText: "5",
    isReloadable: true,
  }),
];

const CLUSTER: Setting[] = [
  setting("cluster", "bool", "Also run a Kubernetes-compatible cluster (as 'naru cluster start' does)"),
  setting("cluster-listen", "string", "Address of its API, HOST:PORT", { defaultText: "0.0.0.0:6443" }),
  setting("cluster-store", "string", "Where it keeps its objects, etcd://HOST:PORT[,HOST:PORT…]", {
    defaultText: "a file under <data-root>",
  }),
  setting("cluster-node-name", "string", "Name of this machine in it", { defaultText: "the host's name" }),
  setting("cluster-service-cidr", "string", "Range of its services' addresses", {
    defaultText: "10.96.0.0/16, or the next that is free",
  }),
  setting("cluster-ingress-http", "string", "Where its ingresses are served, HOST:PORT", {
    defaultText: "0.0.0.0:80",
  }),
  setting("cluster-ingress-https", "string", "The same over TLS, HOST:PORT", { defaultText: "0.0.0.0:443" }),
  setting(
    "cluster-max-container-restart-period",
    "string",
    "Longest wait before a failing container is started again",
    {
      defaultText: "5m",
    },
  ),
  setting("cluster-audit-policy-file", "string", "Which requests to its API are written down, audit.k8s.io/v1"),
  setting("cluster-audit-log-path", "string", "Where they are written down; - for standard output"),
  setting("cluster-audit-log-maxsize", "int", "Megabytes of that file before it is put aside; 0 for no limit", {
    defaultText: "100",
  }),
  setting("cluster-audit-log-maxbackup", "int", "How many files put aside are kept; 0 for all"),
];

export const SETTINGS: readonly Setting[] = [
  ...SOCKETS_AND_FILES,
  ...DAEMON,
  ...BUILDER,
  ...CONTAINERS,
  ...NETWORKING,
  ...REGISTRIES,
  ...CLUSTER,
  ...REFUSED,
];
