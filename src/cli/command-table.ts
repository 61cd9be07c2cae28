import type { Command } from "./command.ts";
import { LATER_COMMANDS, laterCommand } from "./later-commands.ts";

/** The groups of commands, with the summary of each. */
export const GROUPS: Record<string, string> = {
  builder: "Builds and their cache",
  buildx: "Builds, as docker's builder plugin names them",
  cluster: "A Kubernetes-compatible cluster on this machine",
  container: "Containers",
  context: "Contexts: which daemon to talk to",
  image: "Images",
  key: "Keys for signing images",
  manifest: "Manifests, and lists of them for several platforms",
  network: "Networks",
  registry: "A registry of one's own, and what lies in registries",
  system: "The daemon and its disk space",
  volume: "Volumes",
};

/** The commands that the top help screen shows first, in this order. */
export const COMMON_COMMANDS = [
  "run",
  "exec",
  "ps",
  "build",
  "pull",
  "push",
  "images",
  "login",
  "logout",
  "search",
  "version",
  "info",
];

// biome-ignore lint/suspicious/noExplicitAny: the table holds commands with flags of every type
type AnyCommand = Command<any>;
type CommandFile = Promise<{ command: AnyCommand }>;

/** The names of each command and its file. */
const FILES: readonly (readonly [names: readonly string[], load: () => CommandFile])[] = [
  [["attach", "container attach"], () => import("./commands/attach.ts")],
  [["build", "image build", "builder build", "buildx build", "buildx b"], () => import("./commands/build.ts")],
  [["builder prune"], () => import("./commands/builder-prune.ts")],
  [["buildx du", "builder du"], () => import("./commands/buildx-du.ts")],
  [["buildx inspect"], () => import("./commands/buildx-inspect.ts")],
  [["buildx ls"], () => import("./commands/buildx-ls.ts")],
  [["buildx prune"], () => import("./commands/buildx-prune.ts")],
  [["buildx version"], () => import("./commands/buildx-version.ts")],
  [["cluster simulate"], () => import("./commands/cluster-simulate.ts")],
  [["cluster start"], () => import("./commands/cluster-start.ts")],
  [["cluster status"], () => import("./commands/cluster-status.ts")],
  [["cluster stop"], () => import("./commands/cluster-stop.ts")],
  [["compose"], () => import("./commands/compose.ts")],
  [["create", "container create"], () => import("./commands/create.ts")],
  [["exec", "container exec"], () => import("./commands/exec.ts")],
  [["key generate"], () => import("./commands/key-generate.ts")],
  [["key import"], () => import("./commands/key-import.ts")],
  [["key public"], () => import("./commands/key-public.ts")],
  [["kill", "container kill"], () => import("./commands/kill.ts")],
  [["logs", "container logs"], () => import("./commands/logs.ts")],
  [["pause", "container pause"], () => import("./commands/pause.ts")],
  [["restart", "container restart"], () => import("./commands/restart.ts")],
  [["rm", "container rm", "container remove"], () => import("./commands/rm.ts")],
  [["run", "container run"], () => import("./commands/run.ts")],
  [["sbom"], () => import("./commands/sbom.ts")],
  [["sign"], () => import("./commands/sign.ts")],
  [["search"], () => import("./commands/search.ts")],
  [["start", "container start"], () => import("./commands/start.ts")],
  [["stop", "container stop"], () => import("./commands/stop.ts")],
  [["unpause", "container unpause"], () => import("./commands/unpause.ts")],
  [["wait", "container wait"], () => import("./commands/wait.ts")],
  [["commit", "container commit"], () => import("./commands/commit.ts")],
  [["completion"], () => import("./commands/completion.ts")],
  [["container inspect"], () => import("./commands/container-inspect.ts")],
  [["container prune"], () => import("./commands/container-prune.ts")],
  [["context create"], () => import("./commands/context-create.ts")],
  [["context export"], () => import("./commands/context-export.ts")],
  [["context import"], () => import("./commands/context-import.ts")],
  [["context inspect"], () => import("./commands/context-inspect.ts")],
  [["context ls", "context list"], () => import("./commands/context-ls.ts")],
  [["context rm", "context remove"], () => import("./commands/context-rm.ts")],
  [["context show"], () => import("./commands/context-show.ts")],
  [["context update"], () => import("./commands/context-update.ts")],
  [["context use"], () => import("./commands/context-use.ts")],
  [["cp", "container cp"], () => import("./commands/cp.ts")],
  [["diff", "container diff"], () => import("./commands/diff.ts")],
  [["events", "system events"], () => import("./commands/events.ts")],
  [["export", "container export"], () => import("./commands/export.ts")],
  [["history", "image history"], () => import("./commands/history.ts")],
  [["image bootstrap"], () => import("./commands/image-bootstrap.ts")],
  [["image inspect"], () => import("./commands/image-inspect.ts")],
  [["image prune"], () => import("./commands/image-prune.ts")],
  [["image verify"], () => import("./commands/image-verify.ts")],
  [["images", "image ls", "image list"], () => import("./commands/images.ts")],
  [["import", "image import"], () => import("./commands/import.ts")],
  [["info", "system info"], () => import("./commands/info.ts")],
  [["inspect"], () => import("./commands/inspect.ts")],
  [["kubeconfig"], () => import("./commands/kubeconfig.ts")],
  [["kubectl"], () => import("./commands/kubectl.ts")],
  [["load", "image load"], () => import("./commands/load.ts")],
  [["login"], () => import("./commands/login.ts")],
  [["logout"], () => import("./commands/logout.ts")],
  [["manifest annotate"], () => import("./commands/manifest-annotate.ts")],
  [["manifest create"], () => import("./commands/manifest-create.ts")],
  [["manifest inspect"], () => import("./commands/manifest-inspect.ts")],
  [["manifest push"], () => import("./commands/manifest-push.ts")],
  [["manifest rm"], () => import("./commands/manifest-rm.ts")],
  [["network connect"], () => import("./commands/network-connect.ts")],
  [["network create"], () => import("./commands/network-create.ts")],
  [["network disconnect"], () => import("./commands/network-disconnect.ts")],
  [["network inspect"], () => import("./commands/network-inspect.ts")],
  [["network ls", "network list"], () => import("./commands/network-ls.ts")],
  [["network prune"], () => import("./commands/network-prune.ts")],
  [["network rm", "network remove"], () => import("./commands/network-rm.ts")],
  [["port", "container port"], () => import("./commands/port.ts")],
  [["ps", "container ls", "container list", "container ps"], () => import("./commands/ps.ts")],
  [["pull", "image pull"], () => import("./commands/pull.ts")],
  [["push", "image push"], () => import("./commands/push.ts")],
  [["registry gc"], () => import("./commands/registry-gc.ts")],
  [["registry ls", "registry list"], () => import("./commands/registry-ls.ts")],
  [["registry retention"], () => import("./commands/registry-retention.ts")],
  [["registry rm", "registry remove"], () => import("./commands/registry-rm.ts")],
  [["registry serve"], () => import("./commands/registry-serve.ts")],
  [["rename", "container rename"], () => import("./commands/rename.ts")],
  [["rmi", "image rm", "image remove"], () => import("./commands/rmi.ts")],
  [["save", "image save"], () => import("./commands/save.ts")],
  [["stats", "container stats"], () => import("./commands/stats.ts")],
  [["system df"], () => import("./commands/df.ts")],
  [["system prune"], () => import("./commands/system-prune.ts")],
  [["tag", "image tag"], () => import("./commands/tag.ts")],
  [["top", "container top"], () => import("./commands/top.ts")],
  [["trust"], () => import("./commands/trust.ts")],
  [["update", "container update"], () => import("./commands/container-update.ts")],
  [["verify"], () => import("./commands/verify.ts")],
  [["version"], () => import("./commands/version.ts")],
  [["volume create"], () => import("./commands/volume-create.ts")],
  [["volume inspect"], () => import("./commands/volume-inspect.ts")],
  [["volume ls", "volume list"], () => import("./commands/volume-ls.ts")],
  [["volume prune"], () => import("./commands/volume-prune.ts")],
  [["volume rm", "volume remove"], () => import("./commands/volume-rm.ts")],
  [["volume update"], () => import("./commands/volume-update.ts")],
];

/** Commands of docker's builder plugin that only tell what to do instead. */
const OTHER_BUILDX = ["bake", "create", "rm", "stop", "use", "imagetools", "history", "dial-stdio"].map(
  (name) => `buildx ${name}`,
);

/** The words that call commands. */
export function commandNames(): string[] {
  return [...FILES.flatMap(([names]) => names), ...OTHER_BUILDX, ...Object.keys(LATER_COMMANDS)];
}

/** True when these words call a command. */
export function isCommand(name: string): boolean {
  return fileOf(name) !== undefined || OTHER_BUILDX.includes(name) || Object.hasOwn(LATER_COMMANDS, name);
}

/** The command that these words call. Only its own file is loaded, which keeps the start short. */
export async function loadCommand(name: string): Promise<AnyCommand> {
  const load = fileOf(name);
  if (load !== undefined) return (await load()).command;
  if (OTHER_BUILDX.includes(name)) return (await import("./commands/buildx-other.ts")).otherBuildxCommand(name);
  return laterCommand(name);
}

/** Looked for once in a process' life: a table by name would take longer to make than this does. */
function fileOf(name: string): (() => CommandFile) | undefined {
  for (let i = 0; i < FILES.length; i++) if (FILES[i]![0].includes(name)) return FILES[i]![1];
  return undefined;
}

/** Names that work but are not listed: they stand under "Aliases" of their command, or come in a later version. */
export const HIDDEN_NAMES = new Set<string>([
  "buildx b",
  "container list",
  "container ps",
  "container remove",
  "context list",
  "context remove",
  "image list",
  "image remove",
  "network list",
  "registry list",
  "registry remove",
  "network remove",
  "volume list",
  "volume remove",
  "completion",
  "compose",
  "trust",
  ...OTHER_BUILDX,
  ...Object.keys(LATER_COMMANDS),
]);
