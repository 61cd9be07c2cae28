/** Operations in the shape that BuildKit's have in provenance (JSON of its pb.Op), which clients read into their own types. */
import type { ExecMount, ExecOperation, FileAction, Operation, Step } from "./graph.ts";
import { stepInputs } from "./step-digest.ts";

/** pb.NetMode, pb.SecurityMode, pb.MountType, pb.CacheSharingOpt. */
const NETWORK: Record<string, number> = { host: 1, none: 2 };
const MOUNT = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 } as const;
const SHARING = { shared: 0, private: 1, locked: 2 } as const;
/** An input that is an empty tree. */
const NO_INPUT = -1;

export function wireOperation(operation: Operation): object {
  const inputs = stepInputs({ operation, show: { name: "" } });
  const inputOf = (step: Step | undefined) => (step === undefined ? NO_INPUT : inputs.indexOf(step));
  switch (operation.type) {
    case "image":
      return { source: { identifier: `docker-image://${operation.image.canonical}` } };
    case "local":
      return { source: { identifier: `local://${operation.context.name}` } };
    case "http":
      return { source: { identifier: operation.url } };
    case "git":
      return { source: { identifier: `git://${operation.remote}#${operation.ref ?? ""}` } };
    case "exec":
      return { exec: wireExec(operation, inputOf) };
    case "file":
      return { file: { actions: operation.actions.flatMap((action) => wireActions(action, inputOf)) } };
    case "diff":
      return { diff: { lower: { input: inputOf(operation.lower) }, upper: { input: inputOf(operation.upper) } } };
    case "merge":
      return { merge: { inputs: operation.roots.map((root) => ({ input: inputOf(root) })) } };
  }
}

function wireExec(operation: ExecOperation, inputOf: (step: Step | undefined) => number): object {
  const { args, env, cwd, user, hostname, network, security, secretEnv = [] } = operation;
  return {
    meta: { args, env, cwd, user, hostname },
    mounts: [
      { input: inputOf(operation.root), dest: "/", output: 0 },
      ...operation.mounts.map((mount) => wireMount(mount, inputOf)),
    ],
    network: NETWORK[network] ?? 0,
    security: security === "insecure" ? 1 : 0,
    ...(secretEnv.length > 0
      ? { secretenv: secretEnv.map(({ id, name, required }) => ({ ID: id, name, optional: !required })) }
      : {}),
  };
}

function wireMount(mount: ExecMount, inputOf: (step: Step | undefined) => number): object {
  const common = { dest: mount.target, output: NO_INPUT, readonly: mount.readOnly, mountType: MOUNT[mount.type] };
  switch (mount.type) {
    case "bind":
      return { ...common, input: inputOf(mount.from), selector: mount.source };
    case "cache": {
      const cacheOpt = { ID: mount.id, sharing: SHARING[mount.sharing] };
      return { ...common, input: inputOf(mount.from), selector: mount.source, cacheOpt };
    }
    case "tmpfs":
      return { ...common, input: NO_INPUT, TmpfsOpt: { size: mount.sizeBytes } };
    case "secret":
    case "ssh": {
      const { id, required, uid, gid, mode } = mount;
      const opt = { ID: id, uid, gid, mode, optional: !required };
      return { ...common, input: NO_INPUT, ...(mount.type === "secret" ? { secretOpt: opt } : { SSHOpt: opt }) };
    }
  }
}

function wireActions(action: FileAction, inputOf: (step: Step | undefined) => number): object[] {
  const place = { input: 0, secondaryInput: NO_INPUT, output: 0 };
  switch (action.action) {
    case "copy":
      return action.sources.map((src) => ({
        ...place,
        secondaryInput: inputOf(action.from),
        Action: {
          copy: {
            src,
            dest: action.destination,
            createDestPath: true,
            allowWildcard: true,
            attemptUnpackDockerCompatibility: action.unpacks === true,
            ...(action.exclude ? { exclude_patterns: action.exclude } : {}),
          },
        },
      }));
    case "mkdir":
      return [{ ...place, Action: { mkdir: { path: action.path, mode: action.mode ?? 0o755, makeParents: true } } }];
    case "mkfile":
      return [
        { ...place, Action: { mkfile: { path: action.path, data: Buffer.from(action.data).toString("base64") } } },
      ];
    case "symlink":
      return [{ ...place, Action: { symlink: { oldpath: action.target, newpath: action.path } } }];
    case "rm":
      return [{ ...place, Action: { rm: { path: action.path, allowNotFound: action.allowsNoMatch } } }];
  }
}
