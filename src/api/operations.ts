/**
 * Every operation of the Engine API specification v1.51, in the order in which paths are matched, with what naru says
 * to those it does not serve. docs/api.md is written from this table and the router's (scripts/api-doc.ts).
 */

export type HttpMethod = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/** Why an operation without a handler is refused. */
type Refusal =
  /** 501: `issue` tells, in the documentation, which later piece of work brings it. */
  | { kind: "later"; issue: string; message: string }
  /** As Docker answers outside any swarm: 503, or what is wrong with the request (outside-swarm.ts). */
  | { kind: "no-swarm" }
  /** As Docker answers where no plugin is installed (without-plugins.ts). */
  | { kind: "no-plugins" };

export interface Operation {
  id: string;
  method: HttpMethod;
  /** "{name}" stands for the rest of the path up to what follows it. */
  path: string;
  tag: string;
  summary: string;
  refusal?: Refusal;
}

const BUILD: Refusal = {
  kind: "later",
  issue: "issue 4",
  message: "naru does not build images yet: make one with `naru image bootstrap`, `docker import` or `docker commit`",
};
const PLUGIN: Refusal = {
  kind: "later",
  issue: "a later issue",
  message: "naru has no managed plugins: volumes use the driver local, networks bridge, host or none",
};
const NO_PLUGINS: Refusal = { kind: "no-plugins" };
const SWARM: Refusal = { kind: "no-swarm" };

type Row = [id: string, method: HttpMethod, path: string, summary: string, refusal?: Refusal];

function tagged(tag: string, rows: Row[]): Operation[] {
  return rows.map(([id, method, path, summary, refusal]) => ({ id, method, path, tag, summary, refusal }));
}

const CONTAINERS = tagged("Container", [
  ["ContainerList", "GET", "/containers/json", "list containers"],
  ["ContainerCreate", "POST", "/containers/create", "create a container"],
  ["ContainerPrune", "POST", "/containers/prune", "remove stopped containers"],
  ["ContainerInspect", "GET", "/containers/{id}/json", "everything about one container"],
  ["ContainerTop", "GET", "/containers/{id}/top", "its processes"],
  ["ContainerLogs", "GET", "/containers/{id}/logs", "its output, once or followed"],
  ["ContainerChanges", "GET", "/containers/{id}/changes", "files that differ from the image"],
  ["ContainerExport", "GET", "/containers/{id}/export", "its file system as a tar"],
  ["ContainerStats", "GET", "/containers/{id}/stats", "resource usage, once or every second"],
  ["ContainerResize", "POST", "/containers/{id}/resize", "size of its terminal"],
  ["ContainerStart", "POST", "/containers/{id}/start", "start it"],
  ["ContainerStop", "POST", "/containers/{id}/stop", "stop it"],
  ["ContainerRestart", "POST", "/containers/{id}/restart", "stop and start it"],
  ["ContainerKill", "POST", "/containers/{id}/kill", "send a signal"],
  ["ContainerUpdate", "POST", "/containers/{id}/update", "change limits and restart policy"],
  ["ContainerRename", "POST", "/containers/{id}/rename", "another name"],
  ["ContainerPause", "POST", "/containers/{id}/pause", "freeze its processes"],
  ["ContainerUnpause", "POST", "/containers/{id}/unpause", "let them go on"],
  ["ContainerAttachWebsocket", "GET", "/containers/{id}/attach/ws", "its streams over a WebSocket"],
  ["ContainerAttach", "POST", "/containers/{id}/attach", "its streams over the hijacked connection"],
  ["ContainerWait", "POST", "/containers/{id}/wait", "its exit code, when it has one"],
  ["ContainerArchiveInfo", "HEAD", "/containers/{id}/archive", "what lies at a path"],
  ["ContainerArchive", "GET", "/containers/{id}/archive", "a path as a tar"],
  ["PutContainerArchive", "PUT", "/containers/{id}/archive", "unpack a tar at a path"],
  ["ContainerDelete", "DELETE", "/containers/{id}", "remove it"],
]);

const IMAGES = tagged("Image", [
  ["ImageList", "GET", "/images/json", "list images"],
  ["ImageBuild", "POST", "/build", "build an image as the classic builder does"],
  ["BuildPrune", "POST", "/build/prune", "empty the builder's cache"],
  ["ImageCreate", "POST", "/images/create", "pull from a registry (fromImage); import a tar (fromSrc)"],
  ["ImageLoad", "POST", "/images/load", "load images from an archive"],
  ["ImagePrune", "POST", "/images/prune", "remove unused images"],
  ["ImageSearch", "GET", "/images/search", "search a registry"],
  ["ImageGetAll", "GET", "/images/get", "several images as an archive"],
  ["ImageGet", "GET", "/images/{name}/get", "one image as an archive"],
  ["ImageHistory", "GET", "/images/{name}/history", "how it came about"],
  ["ImageInspect", "GET", "/images/{name}/json", "everything about one image"],
  ["ImagePush", "POST", "/images/{name}/push", "send it to a registry"],
  ["ImageTag", "POST", "/images/{name}/tag", "another name for it"],
  ["ImageDelete", "DELETE", "/images/{name}", "remove it"],
  ["ImageCommit", "POST", "/commit", "an image from a container"],
]);

const NETWORKS = tagged("Network", [
  ["NetworkList", "GET", "/networks", "list networks"],
  ["NetworkCreate", "POST", "/networks/create", "create a network"],
  ["NetworkPrune", "POST", "/networks/prune", "remove unused networks"],
  ["NetworkConnect", "POST", "/networks/{id}/connect", "connect a container"],
  ["NetworkDisconnect", "POST", "/networks/{id}/disconnect", "disconnect a container"],
  ["NetworkInspect", "GET", "/networks/{id}", "everything about one network"],
  ["NetworkDelete", "DELETE", "/networks/{id}", "remove it"],
]);

const VOLUMES = tagged("Volume", [
  ["VolumeList", "GET", "/volumes", "list volumes"],
  ["VolumeCreate", "POST", "/volumes/create", "create a volume"],
  ["VolumePrune", "POST", "/volumes/prune", "remove unused volumes"],
  ["VolumeInspect", "GET", "/volumes/{name}", "everything about one volume"],
  ["VolumeUpdate", "PUT", "/volumes/{name}", "change a cluster volume", SWARM],
  ["VolumeDelete", "DELETE", "/volumes/{name}", "remove it"],
]);

const EXECS = tagged("Exec", [
  ["ContainerExec", "POST", "/containers/{id}/exec", "prepare a command in a container"],
  ["ExecStart", "POST", "/exec/{id}/start", "run it, attached or detached"],
  ["ExecResize", "POST", "/exec/{id}/resize", "size of its terminal"],
  ["ExecInspect", "GET", "/exec/{id}/json", "its state and exit code"],
]);

const SYSTEM = tagged("System", [
  ["SystemPing", "GET", "/_ping", "is the daemon there, and which API does it speak"],
  ["SystemPingHead", "HEAD", "/_ping", "the same without a body"],
  ["SystemInfo", "GET", "/info", "the machine and the daemon"],
  ["SystemVersion", "GET", "/version", "versions of the parts"],
  ["SystemEvents", "GET", "/events", "what happens, as it happens"],
  ["SystemDataUsage", "GET", "/system/df", "disk usage"],
  ["SystemAuth", "POST", "/auth", "check registry credentials"],
]);

const LATER = [
  ...tagged("Plugin", [
    ["PluginList", "GET", "/plugins", "list plugins; there are none"],
    ["GetPluginPrivileges", "GET", "/plugins/privileges", "what a plugin asks for", PLUGIN],
    ["PluginPull", "POST", "/plugins/pull", "install a plugin", PLUGIN],
    ["PluginCreate", "POST", "/plugins/create", "create a plugin", PLUGIN],
    ["PluginInspect", "GET", "/plugins/{name}/json", "everything about one plugin", NO_PLUGINS],
    ["PluginEnable", "POST", "/plugins/{name}/enable", "enable it", NO_PLUGINS],
    ["PluginDisable", "POST", "/plugins/{name}/disable", "disable it", NO_PLUGINS],
    ["PluginUpgrade", "POST", "/plugins/{name}/upgrade", "upgrade it", NO_PLUGINS],
    ["PluginPush", "POST", "/plugins/{name}/push", "send it to a registry", NO_PLUGINS],
    ["PluginSet", "POST", "/plugins/{name}/set", "configure it", NO_PLUGINS],
    ["PluginDelete", "DELETE", "/plugins/{name}", "remove it", NO_PLUGINS],
  ]),
  ...tagged("Distribution", [
    ["DistributionInspect", "GET", "/distribution/{name}/json", "an image as its registry tells"],
  ]),
  ...tagged("Session", [["Session", "POST", "/session", "the builder's interactive session", BUILD]]),
];

const SWARMS = [
  ...tagged("Swarm", [
    ["SwarmInit", "POST", "/swarm/init", "found a swarm", swarmLater("found")],
    ["SwarmJoin", "POST", "/swarm/join", "join a swarm", swarmLater("join")],
    ["SwarmLeave", "POST", "/swarm/leave", "leave the swarm", SWARM],
    ["SwarmUpdate", "POST", "/swarm/update", "change the swarm", SWARM],
    ["SwarmUnlockkey", "GET", "/swarm/unlockkey", "the key to unlock managers", SWARM],
    ["SwarmUnlock", "POST", "/swarm/unlock", "unlock this manager", SWARM],
    ["SwarmInspect", "GET", "/swarm", "everything about the swarm", SWARM],
  ]),
  ...tagged("Node", [
    ["NodeList", "GET", "/nodes", "list nodes", SWARM],
    ["NodeUpdate", "POST", "/nodes/{id}/update", "change a node", SWARM],
    ["NodeInspect", "GET", "/nodes/{id}", "everything about one node", SWARM],
    ["NodeDelete", "DELETE", "/nodes/{id}", "remove a node", SWARM],
  ]),
  ...tagged("Service", [
    ["ServiceList", "GET", "/services", "list services", SWARM],
    ["ServiceCreate", "POST", "/services/create", "create a service", SWARM],
    ["ServiceUpdate", "POST", "/services/{id}/update", "change a service", SWARM],
    ["ServiceLogs", "GET", "/services/{id}/logs", "output of a service", SWARM],
    ["ServiceInspect", "GET", "/services/{id}", "everything about one service", SWARM],
    ["ServiceDelete", "DELETE", "/services/{id}", "remove a service", SWARM],
  ]),
  ...tagged("Task", [
    ["TaskList", "GET", "/tasks", "list tasks", SWARM],
    ["TaskLogs", "GET", "/tasks/{id}/logs", "output of a task", SWARM],
    ["TaskInspect", "GET", "/tasks/{id}", "everything about one task", SWARM],
  ]),
  ...tagged("Secret", [
    ["SecretList", "GET", "/secrets", "list secrets", SWARM],
    ["SecretCreate", "POST", "/secrets/create", "create a secret", SWARM],
    ["SecretUpdate", "POST", "/secrets/{id}/update", "change a secret", SWARM],
    ["SecretInspect", "GET", "/secrets/{id}", "everything about one secret", SWARM],
    ["SecretDelete", "DELETE", "/secrets/{id}", "remove a secret", SWARM],
  ]),
  ...tagged("Config", [
    ["ConfigList", "GET", "/configs", "list configs", SWARM],
    ["ConfigCreate", "POST", "/configs/create", "create a config", SWARM],
    ["ConfigUpdate", "POST", "/configs/{id}/update", "change a config", SWARM],
    ["ConfigInspect", "GET", "/configs/{id}", "everything about one config", SWARM],
    ["ConfigDelete", "DELETE", "/configs/{id}", "remove a config", SWARM],
  ]),
];

/** Endpoints that Docker or naru serve beside the specification. */
const BEYOND = [
  ...tagged("Beyond the specification", [
    ["Grpc", "POST", "/grpc", "the builder's gRPC connection", BUILD],
    ["NaruBuild", "POST", "/naru/build", "naru's own: a build over one connection, as `naru build` does it"],
    ["NaruComposeStatus", "GET", "/naru/compose", "naru's own: scheduled runs and scaling of Compose projects"],
    ["NaruComposeRegister", "PUT", "/naru/compose/{name}", "naru's own: schedule and scale a project's services"],
    [
      "NaruComposeForget",
      "DELETE",
      "/naru/compose/{name}",
      "naru's own: schedule and scale nothing of a project any more",
    ],
    ["NaruComposeHold", "POST", "/naru/compose/{name}/hold", "naru's own: scale nothing while a project is changed"],
    ["NaruComposeRun", "POST", "/naru/compose/{name}/run", "naru's own: run a scheduled service now"],
    ["NaruClusterFacts", "GET", "/naru/cluster", "naru's own: does a cluster run, and where"],
    ["NaruClusterStart", "POST", "/naru/cluster/start", "naru's own: start the cluster"],
    ["NaruClusterStop", "POST", "/naru/cluster/stop", "naru's own: stop it; its objects stay"],
    ["NaruClusterSimulate", "POST", "/naru/cluster/simulate", "naru's own: have so many pretended nodes"],
    ["NaruClusterKubeconfig", "GET", "/naru/cluster/kubeconfig", "naru's own: what kubectl needs to reach it"],
    ["NaruImageBootstrap", "POST", "/naru/images/bootstrap", "naru's own: a base image without any registry"],
    ["NaruImageVerify", "POST", "/naru/images/verify", "naru's own: read images back and tell what is damaged"],
    ["NaruImageSbom", "GET", "/naru/images/{name}/sbom", "naru's own: what is installed in an image"],
  ]),
];

export const OPERATIONS: readonly Operation[] = [
  ...SYSTEM,
  ...CONTAINERS,
  ...EXECS,
  ...IMAGES,
  ...NETWORKS,
  ...VOLUMES,
  ...LATER,
  ...SWARMS,
  ...BEYOND,
];

function swarmLater(verb: string): Refusal {
  return {
    kind: "later",
    issue: "a later issue",
    message: `naru cannot ${verb} a swarm yet: containers run on this machine only`,
  };
}
