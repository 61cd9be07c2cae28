/**
 * Cache keys: what a step does, what its inputs are, what the files it takes contain; never a time. A key is made of named
 * parts, so that after a miss the parts can be compared with those of the last build.
 */
import type { Digest } from "../../model/image.ts";
import type { CopyAction, ExecMount, ExecOperation, FileOperation, Step } from "./graph.ts";

/** In an order that tells what to name first after a miss. */
export type KeyParts = Record<string, string>;

/** What stands for an input: the identity of its result, or a digest of what is taken from it. */
export type InputKey = (
  step: Step | undefined,
  use: CopyAction | (ExecMount & { from: Step | undefined }) | "root",
) => string;

export function digestOf(...texts: string[]): Digest {
  const hash = new Bun.CryptoHasher("sha256");
  for (const text of texts) hash.update(`${Buffer.byteLength(text)}:${text}`);
  return `sha256:${hash.digest("hex")}`;
}

export function keyOf(parts: KeyParts): Digest {
  return digestOf(...Object.entries(parts).flat());
}

export function keyParts(
  operation: ExecOperation | FileOperation,
  inputKey: InputKey,
  clamp: number | undefined,
): KeyParts {
  const common: KeyParts = clamp === undefined ? {} : { "source date epoch": String(clamp) };
  return {
    ...common,
    ...(operation.type === "exec" ? execParts(operation, inputKey) : fileParts(operation, inputKey)),
  };
}

function execParts(operation: ExecOperation, inputKey: InputKey): KeyParts {
  const parts: KeyParts = { type: "exec", command: JSON.stringify(operation.args) };
  for (const entry of operation.env) {
    const at = entry.indexOf("=");
    parts[`variable ${entry.slice(0, at)}`] = entry.slice(at + 1);
  }
  const { cwd, user, network, security, extraHosts, secretEnv = [], devices = [] } = operation;
  const settings = { cwd, user, network, security, extraHosts, devices, hostname: operation.hostname };
  const limits = { shm: operation.shmSizeBytes, ulimits: operation.ulimits };
  for (const [name, value] of Object.entries({ ...settings, ...limits })) parts[name] = JSON.stringify(value);
  // What a secret says has no part in it: that it is there has.
  parts.secrets = JSON.stringify(secretEnv);
  for (const [index, mount] of operation.mounts.entries()) {
    const { from, ...rest } = { from: undefined, ...mount };
    parts[`mount ${index}`] = JSON.stringify(rest);
    if ("from" in mount) parts[`files of ${mount.target}`] = inputKey(mount.from, mount);
  }
  parts.base = inputKey(operation.root, "root");
  return parts;
}

function fileParts(operation: FileOperation, inputKey: InputKey): KeyParts {
  const parts: KeyParts = { type: "file" };
  for (const [index, action] of operation.actions.entries()) {
    if (action.action === "copy") {
      const { from, sources, exclude, ...rest } = action;
      parts[`action ${index}`] = JSON.stringify(rest);
      parts[`files ${index}`] = inputKey(from, action);
    } else if (action.action === "mkfile") {
      const { data, ...rest } = action;
      parts[`action ${index}`] = JSON.stringify(rest);
      parts[`text ${index}`] = Bun.CryptoHasher.hash("sha256", data, "hex");
    } else parts[`action ${index}`] = JSON.stringify(action);
  }
  parts.base = inputKey(operation.root, "root");
  return parts;
}
