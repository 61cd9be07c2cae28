import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { csvFields } from "../csv.ts";
import { bool, custom, string, strings } from "../flag-types.ts";
import { attachOrLog, type SeenPod, untilPod } from "./attach-or-log.ts";
import {
  type CustomContainer,
  checkProfile,
  copyOfPod,
  type DebugFlags,
  type DebugPod,
  ephemeralContainer,
  imagesOf,
  podOnNode,
  randomSuffix,
} from "./debug/debug-objects.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { groupVersion, pathOf } from "./resource-types.ts";

/** How long a debugging container may take until it runs. */
const START_MS = 10 * 60 * 1000;

const variables = (): string[] => [];

/** One "NAME=value", whatever its value holds, or several divided by commas. */
function addVariables(text: string, known: readonly string[]): string[] {
  const pairs = text.split("=").length === 2 ? [text] : csvFields(text);
  const wrong = pairs.find((pair) => !pair.includes("="));
  if (wrong !== undefined) throw new Error(`${wrong} must be formatted as key=value`);
  return [...known, ...pairs];
}

export const command = defineKubectlCommand({
  usage: "(POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]",
  summary: "Look into pods and nodes with tools of another image",
  description:
    "Put a container with other tools beside those of a pod: into the running pod, or into a copy of it (--copy-to) of which images and\ncommands may be others. Of a node: a pod in the node's own namespaces, with the node's files below /host.",
  flags: {
    "arguments-only": bool("What stands behind -- are arguments, not the program"),
    attach: bool("Wait until the container runs, and attach to it (default with -i)"),
    container: string("The container's name", { short: "c" }),
    "copy-to": string("Make a copy of the pod with this name"),
    custom: string("A file, JSON or YAML, with parts of the container"),
    env: custom("stringToString", "Variables of the container, as NAME=value", variables, addVariables),
    filename: strings("The file whose object is meant", { short: "f" }),
    image: string("The container's image"),
    "image-pull-policy": string("Always, IfNotPresent or Never"),
    "keep-annotations": bool("With --copy-to: keep the pod's annotations"),
    "keep-init-containers": bool("With --copy-to: run the pod's init containers", { initial: true }),
    "keep-labels": bool("With --copy-to: keep the pod's labels"),
    "keep-liveness": bool("With --copy-to: keep liveness probes"),
    "keep-readiness": bool("With --copy-to: keep readiness probes"),
    "keep-startup": bool("With --copy-to: keep startup probes"),
    profile: string(
      'The rights that the container gets: "legacy", "general", "baseline", "netadmin", "restricted" or "sysadmin"',
      {
        initial: "legacy",
      },
    ),
    quiet: bool("Say nothing of what is done", { short: "q" }),
    replace: bool("With --copy-to: delete the pod that is copied"),
    "same-node": bool("With --copy-to: on the same node"),
    "set-image": strings("With --copy-to: other images, as CONTAINER=IMAGE, or *=IMAGE for all"),
    "share-processes": bool("With --copy-to: containers see each other's processes", { initial: true }),
    stdin: bool("Keep input open, and send ours", { short: "i" }),
    target: string("The container whose processes the new one sees"),
    tty: bool("Give the container a terminal", { short: "t" }),
  },
  async run({ flags, args, given, afterDashes, context }) {
    checkFlags(flags, args, afterDashes ?? []);
    const isAttached = given("attach") ? flags.attach : flags.stdin;
    const sharing = given("share-processes") ? flags["share-processes"] : undefined;
    const run = new DebugRun(context, flags, afterDashes ?? [], await customOf(flags.custom), sharing);
    const words = args.map((word) => (word.includes("/") ? word : `pods/${word}`));
    for (const target of (await namedObjects(context, words, { ...flags, recursive: false })).objects) {
      const made = await run.start(target);
      if (isAttached) await stayWith(context, made, flags);
    }
  },
});

type Flags = DebugFlags & {
  readonly filename: readonly string[];
  readonly quiet: boolean;
  readonly replace: boolean;
};

function checkFlags(flags: Flags, args: readonly string[], words: readonly string[]): void {
  const refuse = (why: string) => new CliError(`error: ${why}`);
  if (flags.filename.length > 0 && args.length > 0)
    throw refuse("resource/name arguments cannot be provided when a path is specified");
  const isCopy = flags["copy-to"] !== "";
  if (isCopy) {
    if (flags.image === "" && flags["set-image"].length === 0 && words.length === 0)
      throw refuse("you must specify --image, --set-image or command arguments.");
    if (flags.target !== "") throw refuse("--target is incompatible with --copy-to. Use --share-processes instead.");
    imagesOf(flags["set-image"]);
  } else {
    if (flags["set-image"].length > 0) throw refuse("--set-image may only be used with --copy-to.");
    if (flags.image === "") throw refuse("you must specify --image when not using --copy-to.");
    if (flags.replace) throw refuse("--replace may only be used with --copy-to.");
    if (flags["same-node"]) throw refuse("--same-node may only be used with --copy-to.");
  }
  if (flags.image !== "" && (/\s/.test(flags.image) || flags.image !== flags.image.trim()))
    throw refuse(`invalid image name ${JSON.stringify(flags.image)}: invalid reference format`);
  if (!["", "Always", "IfNotPresent", "Never"].includes(flags["image-pull-policy"]))
    throw refuse(`invalid image pull policy: ${flags["image-pull-policy"]}`);
  if (flags.tty && !flags.stdin) throw refuse("-i/--stdin is required for containers with -t/--tty=true");
  if (args.length === 0 && flags.filename.length === 0) throw refuse("NAME or TYPE/NAME is required for debug");
  checkProfile(flags.profile);
}

async function customOf(path: string): Promise<CustomContainer> {
  if (path === "") return {};
  try {
    return (Bun.YAML.parse(await readFile(path, "utf8")) ?? {}) as CustomContainer;
  } catch (error) {
    throw new CliError(`error: unable to read the custom container ${path}: ${(error as Error).message}`);
  }
}

/** The pod and the container in it that were made. */
interface Made {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

class DebugRun {
  constructor(
    private readonly context: KubectlContext,
    private readonly flags: Flags,
    private readonly words: readonly string[],
    private readonly custom: CustomContainer,
    private readonly sharing: boolean | undefined,
  ) {}

  /** @throws CliError for what is neither a pod nor a node */
  async start(target: ObjectTarget): Promise<Made> {
    const { type } = target;
    const isCore = type.group === "";
    if (isCore && type.resource === "nodes") return await this.onNode(target);
    if (!isCore || type.resource !== "pods")
      throw new CliError(`error: "${groupVersion(type)}, Kind=${type.kind}" not supported by debug`);
    const pod = await (await this.context.api()).get<DebugPod>(objectPath(target));
    this.warnOfProfile();
    return this.flags["copy-to"] === "" ? await this.inPod(target, pod) : await this.inCopy(target, pod);
  }

  private warnOfProfile(): void {
    const { profile, quiet } = this.flags;
    if (profile !== "legacy" || quiet) return;
    this.context.printError(
      "The profile legacy, the default, goes with v1.39: name another one, such as --profile=general\n",
    );
  }

  private tell(text: string): void {
    if (!this.flags.quiet) this.context.print(`${text}\n`);
  }

  private defaultName(): string {
    const name = `debugger-${randomSuffix()}`;
    this.tell(`Defaulting debug container name to ${name}.`);
    return name;
  }

  private async inPod(target: ObjectTarget, pod: DebugPod): Promise<Made> {
    const { flags } = this;
    if (flags.target !== "") {
      this.tell(
        `Targeting container ${JSON.stringify(flags.target)}: its processes show where the node's runtime shares them.`,
      );
    }
    const name = flags.container || this.defaultName();
    const container = ephemeralContainer(name, this.words, flags, this.custom);
    const present = pod.spec.ephemeralContainers ?? [];
    const body = { ...pod, spec: { ...pod.spec, ephemeralContainers: [...present, container] } };
    await (await this.context.api()).send("PUT", objectPath(target, "ephemeralcontainers"), { body });
    return { namespace: target.namespace!, pod: target.name, container: name };
  }

  private async inCopy(target: ObjectTarget, pod: DebugPod): Promise<Made> {
    const { flags, context } = this;
    // Only other images: no container is added.
    const addsNone = flags.container === "" && flags.image === "" && this.words.length === 0;
    const name = addsNone ? "" : flags.container || this.defaultName();
    const isKnown = pod.spec.containers.some((one) => one.name === name);
    if (name !== "" && !isKnown && flags.image === "")
      throw new CliError("error: you must specify image when creating new container");
    const copy = copyOfPod(pod, name, this.words, flags, this.custom, this.sharing);
    const api = await context.api();
    if (flags.replace) await api.send("DELETE", objectPath(target));
    const made = await api.json<DebugPod>("POST", pathOf(target.type, target.namespace), { body: copy });
    const first = made.spec.containers[0]!.name;
    return { namespace: target.namespace!, pod: made.metadata.name!, container: name || first };
  }

  private async onNode({ name }: ObjectTarget): Promise<Made> {
    const { context } = this;
    const api = await context.api();
    await api.get(`/api/v1/nodes/${encodeURIComponent(name)}`);
    this.warnOfProfile();
    const namespace = await context.namespace();
    const pod = podOnNode(name, namespace, this.words, this.flags, this.custom);
    const pods = (await context.types()).ofKind("v1", "Pod");
    const made = await api.json<DebugPod>("POST", pathOf(pods, namespace), { body: pod });
    const container = pod.spec.containers[0]!.name;
    this.tell(`Creating debugging pod ${made.metadata.name} with container ${container} on node ${name}.`);
    return { namespace, pod: made.metadata.name!, container };
  }
}

interface ContainerState {
  readonly name: string;
  readonly state?: { readonly running?: object; readonly terminated?: object };
}

function stateOf(pod: SeenPod, container: string): ContainerState["state"] {
  const { containerStatuses = [], ephemeralContainerStatuses = [] } = (pod.status ?? {}) as {
    containerStatuses?: readonly ContainerState[];
    ephemeralContainerStatuses?: readonly ContainerState[];
  };
  return [...containerStatuses, ...ephemeralContainerStatuses].find(({ name }) => name === container)?.state;
}

async function stayWith(
  context: KubectlContext,
  { namespace, pod: name, container }: Made,
  flags: { readonly quiet: boolean; readonly stdin: boolean; readonly tty: boolean },
): Promise<void> {
  const pod = await untilPod(context, namespace, name, START_MS, (one) => {
    const state = stateOf(one, container);
    return state?.running !== undefined || state?.terminated !== undefined;
  });
  await attachOrLog(context, pod, container, stateOf(pod, container)?.terminated !== undefined, flags);
}
