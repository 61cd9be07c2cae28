/** RUN as a step: command line, mounts, network, and what of its surroundings it sees. */
import { NaruError } from "../../lib/errors.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import type { BuildRequest } from "../contract.ts";
import type { Heredoc, RunInstruction } from "../dockerfile/ast.ts";
import { chomped, heredocSummary, readHeredocWord } from "../dockerfile/heredoc.ts";
import { parseRunMount, type RunMount } from "../dockerfile/run-mount.ts";
import { checkSandbox } from "../entitlements.ts";
import type { ExecMount, ExecOperation, Step } from "../solver/graph.ts";
import { commandWords, HISTORY_COMMENT } from "./config-instructions.ts";
import { proxyEnv } from "./global-args.ts";
import { mainContext } from "./main-context.ts";
import { expandWord, type Planning } from "./planning.ts";
import { type Command, type StageNode, slotOf } from "./stage-node.ts";
import { cleanAbsolute, resolveIn } from "./stage-paths.ts";
import { numberedName, shownInstruction } from "./step-name.ts";

const SCRIPTS = "/dev/pipes/";
const SANDBOX_HOSTNAME = "buildkitsandbox";

/** Adds the step to the stage. @throws {NaruError} invalid; forbidden when the client did not allow what it asks for */
export function addRun(planning: Planning, node: StageNode, command: Command, instruction: RunInstruction): Step {
  const { request, showsPlatform, dockerfile } = planning;
  checkAllowed(planning, instruction);
  const line = commandLine(node, instruction);
  if (line.args.length === 0) throw new NaruError("invalid", "RUN [] has no program to run");
  const mounts = instruction.mounts.map((text) =>
    parseRunMount(text, (value) => expandWord(planning, node, instruction, value)),
  );
  const secretEnv = mounts.flatMap((mount) => secretVariable(mount));
  const shownEnv = new Map([...node.env, ...secretEnv.map(({ name }) => [name, "****"] as const)]);
  const operation: ExecOperation = {
    type: "exec",
    root: node.root,
    args: line.args,
    env: [...node.env].map(([name, value]) => `${name}=${value}`),
    cwd: node.config.WorkingDir || "/",
    user: node.config.User ?? "",
    hostname: request.buildArgs.BUILDKIT_SANDBOX_HOSTNAME || request.hostname || SANDBOX_HOSTNAME,
    network: networkOf(request, instruction),
    security: instruction.security,
    extraHosts: request.extraHosts,
    shmSizeBytes: request.shmSizeBytes,
    ulimits: request.ulimits,
    cgroupParent: request.cgroupParent,
    resources: request.resources,
    mounts: [...line.mounts, ...mounts.flatMap((mount, index) => stepMount(planning, node, command, mount, index))],
  };
  const proxies = proxyEnv(request.buildArgs);
  if (proxies.length > 0) operation.quietEnv = proxies;
  if (secretEnv.length > 0) operation.secretEnv = secretEnv;
  const text = shownInstruction(instruction.text + line.summary, shownEnv, dockerfile.parsed.escape, true);
  const name = numberedName(node, text, showsPlatform, node.platform!);
  const step: Step = {
    operation,
    show: { name, group: node.name || undefined, range: instruction.range, slot: slotOf(node, command) },
    ignoresCache: node.ignoresCache || undefined,
  };
  node.root = step;
  node.history.push({ created_by: historyText(node, line.args), comment: HISTORY_COMMENT, step });
  return step;
}

function networkOf({ networkMode }: BuildRequest, { network }: RunInstruction): string {
  return network === "default" ? networkMode : network;
}

function checkAllowed({ request }: Planning, instruction: RunInstruction): void {
  const { security, devices } = instruction;
  checkSandbox({ network: networkOf(request, instruction), security }, request.entitlements);
  const needed = devices.find((device) => device.required);
  if (needed) {
    const message = `RUN --device: ${needed.name} is required, but naru gives no devices to build steps`;
    throw new NaruError("not-implemented", message);
  }
}

interface RunLine {
  args: string[];
  mounts: ExecMount[];
  /** What the step's name shows of a here-document. */
  summary: string;
}

/** A here-document alone is the script itself; one among words is the shell's to read. */
function commandLine(node: StageNode, { command }: RunInstruction): RunLine {
  const { heredocs, arguments: words } = command;
  if (heredocs.length === 0) return { args: commandWords(node, command), mounts: [], summary: "" };
  const text = words[0]!;
  const [first] = heredocs;
  if (!first || !readHeredocWord(text)) {
    const whole = [text, ...heredocs.map(({ content, name }) => content + name)].join("\n");
    return { args: commandWords(node, { ...command, arguments: [whole] }), mounts: [], summary: "" };
  }
  const script = first.chomp ? chomped(first.content) : first.content;
  const summary = ` (${heredocSummary(first.content)})`;
  if (!script.startsWith("#!")) {
    return { args: commandWords(node, { ...command, arguments: [script] }), mounts: [], summary };
  }
  const args = commandWords(node, { ...command, arguments: [SCRIPTS + first.name] });
  return { args, mounts: [scriptMount(first, script)], summary };
}

/** A script with its own interpreter lies in a directory that only this step sees. */
function scriptMount({ name }: Heredoc, script: string): ExecMount {
  const file = { action: "mkfile", path: "/", name, data: new TextEncoder().encode(script), mode: "0755" } as const;
  const from: Step = {
    operation: { type: "file", root: undefined, actions: [{ ...file, path: `/${name}` }] },
    show: { name: "[internal] preparing inline document" },
  };
  return { type: "bind", from, source: "/", target: SCRIPTS, readOnly: true };
}

/** "RUN |2 A=1 B= /bin/sh -c make # buildkit". Arguments of the predefined kind were never declared and do not show. */
function historyText(node: StageNode, args: readonly string[]): string {
  const declared = new Map(node.declaredArgs.map(({ name, value }) => [name, node.env.get(name) ?? value ?? ""]));
  const values = [...declared].map(([name, value]) => `${name}=${value}`);
  const prefix = values.length === 0 ? [] : [`|${values.length}`, ...values];
  return `RUN ${[...prefix, ...args].join(" ")} # buildkit`;
}

function secretVariable(mount: RunMount): { name: string; id: string; required: boolean }[] {
  if (mount.type !== "secret" || mount.env === undefined) return [];
  return [{ name: mount.env, id: secretId(mount), required: mount.required }];
}

function secretId({ id, source, target }: RunMount): string {
  return source || id || target.slice(target.lastIndexOf("/") + 1);
}

/** The mount as the solver takes it; none for a secret that only becomes a variable. */
function stepMount(planning: Planning, node: StageNode, command: Command, mount: RunMount, index: number): ExecMount[] {
  const { range } = command.instruction;
  switch (mount.type) {
    case "secret": {
      const id = secretId(mount);
      if (!node.secrets.has(id)) node.secrets.set(id, { required: mount.required, range });
      if (mount.env !== undefined && mount.target === "") return [];
      const target = mount.target || `/run/secrets/${id.slice(id.lastIndexOf("/") + 1)}`;
      return [{ ...fileMount(mount, 0o400), type: "secret", id, target: resolveIn(workdir(node), target) }];
    }
    case "ssh": {
      const id = mount.id || mount.source || "default";
      if (!node.agents.has(id)) node.agents.set(id, { required: mount.required, range });
      const target = mount.target || `/run/buildkit/ssh_agent.${index}`;
      return [{ ...fileMount(mount, 0o600), type: "ssh", id, target: resolveIn(workdir(node), target) }];
    }
    case "tmpfs": {
      const { sizeBytes, readOnly } = mount;
      return [{ type: "tmpfs", sizeBytes, readOnly, target: mountTarget(node, mount) }];
    }
    case "cache":
      return [cacheMount(planning, node, command, mount, index)];
    case "bind": {
      const { from, source } = mountTree(planning, command, mount, index);
      return [{ type: "bind", from, source, target: mountTarget(node, mount), readOnly: mount.readOnly }];
    }
  }
}

function workdir(node: StageNode): string {
  return node.config.WorkingDir || "/";
}

function fileMount({ required, uid = 0, gid = 0, mode, readOnly }: RunMount, defaultMode: number) {
  return { required, uid, gid, mode: mode ?? defaultMode, readOnly };
}

function mountTarget(node: StageNode, { target }: RunMount): string {
  const path = resolveIn(workdir(node), target);
  if (target === "" || path === "/") throw new NaruError("invalid", `invalid mount target ${goQuoted("/")}`);
  return path;
}

function cacheMount(planning: Planning, node: StageNode, command: Command, mount: RunMount, index: number): ExecMount {
  const target = mountTarget(node, mount);
  const namespace = planning.request.buildArgs.BUILDKIT_CACHE_MOUNT_NS ?? "";
  const { from, source } =
    mount.from === "" ? { from: undefined, source: "/" } : mountTree(planning, command, mount, index);
  return {
    ...{ type: "cache", id: `${namespace}/${mount.id || cleanTarget(mount.target)}`, target, readOnly: mount.readOnly },
    ...{ sharing: mount.sharing ?? "shared", from, source },
    ...{ uid: mount.uid ?? 0, gid: mount.gid ?? 0, mode: mount.mode ?? 0o755 },
  };
}

function cleanTarget(target: string): string {
  return target.startsWith("/") ? cleanAbsolute(target) : cleanAbsolute(target).slice(1);
}

/** The stage, image, or context that is mounted, and the path inside. */
function mountTree(planning: Planning, command: Command, mount: RunMount, index: number) {
  const source = cleanAbsolute(mount.source);
  const stage = command.sources[index];
  if (stage) {
    if (!stage.isDispatched) {
      const message = `cannot mount from stage ${goQuoted(mount.from)}, it needs to be defined before current stage`;
      throw new NaruError("invalid", message);
    }
    stage.paths.add(source);
    return { from: stage.root, source };
  }
  return { from: mainContext(planning, [source]), source };
}
