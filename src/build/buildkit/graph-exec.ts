/** Processes of a client's build graph. */
import { NaruError } from "../../lib/errors.ts";
import type { ExecMount, ExecOperation, Step } from "../solver/graph.ts";
import type { WireExec, WireMount } from "./graph-messages.ts";

const NETWORKS = ["default", "host", "none"];
const SHARINGS = ["shared", "private", "locked"] as const;
/** pb.MountType */
const MOUNT = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 } as const;

/** `output`: which result of the process is meant. @throws {NaruError} not-implemented for what naru's steps cannot do */
export function execOperation(
  exec: WireExec,
  output: number,
  inputOf: (at: number) => Step | undefined,
): ExecOperation {
  const { meta, mounts } = exec;
  if (!meta) throw new NaruError("invalid", "a process of the build graph has no arguments");
  const root = mounts.find(({ dest }) => dest === "/");
  if (root === undefined || root.output !== output || root.selector !== "") {
    throw missing("a result of a process that is not its root");
  }
  if (root.readonly) throw missing("a read-only root");
  if (meta.validExitCodes.some((code) => code !== 0)) throw missing("an exit code other than 0 as success");
  const quietEnv = Object.entries(meta.proxy_env ?? {}).filter(([, value]) => value !== "");
  return {
    type: "exec",
    root: inputOf(root.input),
    args: meta.args,
    env: meta.env,
    quietEnv: quietEnv.flatMap(([name, value]) => [`${name}=${value}`, `${name.toUpperCase()}=${value}`]),
    secretEnv: exec.secretenv.map(({ ID: id, name, optional }) => ({ name, id, required: !optional })),
    cwd: meta.cwd || "/",
    user: meta.user,
    hostname: meta.hostname,
    network: NETWORKS[exec.network] ?? "default",
    security: exec.security === 1 ? "insecure" : "sandbox",
    extraHosts: meta.extraHosts.map(({ Host, IP }) => `${Host}:${IP}`),
    shmSizeBytes: 0,
    ulimits: meta.ulimit,
    cgroupParent: meta.cgroupParent,
    mounts: mounts.filter((mount) => mount !== root).map((mount) => execMount(mount, inputOf)),
    devices: exec.cdiDevices.map(({ name, optional }) => ({ name, required: !optional })),
  };
}

function execMount(mount: WireMount, inputOf: (at: number) => Step | undefined): ExecMount {
  const { dest: target, readonly: readOnly, selector: source } = mount;
  switch (mount.mountType) {
    case MOUNT.bind:
      if (mount.output >= 0 && !readOnly) throw missing("a result of a process that is not its root");
      return { type: "bind", target, readOnly, from: inputOf(mount.input), source };
    case MOUNT.cache: {
      const { ID: id = target, sharing = 0 } = mount.cacheOpt ?? {};
      const owner = { uid: 0, gid: 0, mode: 0o755 };
      const from = inputOf(mount.input);
      return { type: "cache", target, readOnly, id, sharing: SHARINGS[sharing] ?? "shared", from, source, ...owner };
    }
    case MOUNT.tmpfs:
      return { type: "tmpfs", target, readOnly, sizeBytes: mount.TmpfsOpt?.size ?? 0 };
    case MOUNT.secret:
    case MOUNT.ssh: {
      const options = mount.mountType === MOUNT.secret ? mount.secretOpt : mount.SSHOpt;
      const { ID: id = "", uid = 0, gid = 0, mode = 0, optional = false } = options ?? {};
      const type = mount.mountType === MOUNT.secret ? "secret" : "ssh";
      const usual = type === "secret" ? 0o400 : 0o600;
      return { type, target, readOnly, id: id || "default", required: !optional, uid, gid, mode: mode || usual };
    }
    default:
      throw missing("an unknown kind of mount");
  }
}

function missing(what: string): NaruError {
  return new NaruError("not-implemented", `${what} in a client's build graph is not supported`);
}
