/** How a monitor is called: a typed request as its command line (native/monitor/PROTOCOL.md, "Options"). Pure. */
import { MONITOR_PROTOCOL } from "./monitor-protocol.ts";

export interface MonitorOptions {
  /** The program, from ensureMonitorBinary(). */
  binaryPath: string;
  /** Absolute; where monitor.sock and exit will be. Absent for an executed process. */
  directory?: string;
  /** Absolute; where the runtime is told to write the pid. */
  pidFile: string;
  hasStdin: boolean;
  /** Absolute path of the console socket the runtime is given; its presence means that there is a terminal. */
  consoleSocket?: string;
  /** Output comes over the first connection from the first byte. */
  isSubscribed: boolean;
  /** Descriptors of this process that the monitor keeps for a later daemon. They stay open here too. */
  heldDescriptors?: readonly number[];
  log?: MonitorLog;
  root?: MonitorRoot;
  /** Program and arguments of the OCI runtime, run as they stand. */
  runtimeCommand: readonly string[];
  /** The runtime's environment; default: PATH only. */
  environment?: Readonly<Record<string, string>>;
}

export interface MonitorLog {
  /** Absolute path of the json-file log. */
  path: string;
  /** 0: never rotated. */
  maxSizeBytes: number;
  /** How many files there may be, the current one included. */
  maxFiles: number;
  /** Written as `attrs` into each line (`--log-opt labels=…`). */
  attributes?: Readonly<Record<string, string>>;
  /** Rotated files are gzipped. */
  compress?: boolean;
  /** Mode non-blocking: how much may wait for the disk. */
  bufferBytes?: number;
}

/** An overlay that only the monitor, the runtime and the container see. */
interface MonitorRoot {
  /** An existing directory. */
  path: string;
  /** The uppermost layer first; at least one. */
  lowerDirs: readonly string[];
  /** Both or none; without them the root is read-only. */
  upperDir?: string;
  workDir?: string;
  /** More mount options: "index=off". */
  options?: readonly string[];
  /** The container has shared or slave binds, so the host's mount propagation must stay as it is. */
  keepsPropagation?: boolean;
}

/** The arguments after the program's name. */
export function monitorArguments(options: MonitorOptions): string[] {
  const args = ["monitor", "--protocol", String(MONITOR_PROTOCOL), "--pid-file", options.pidFile];
  if (options.directory !== undefined) args.push("--dir", options.directory);
  if (options.hasStdin) args.push("--stdin");
  if (options.consoleSocket !== undefined) args.push("--console", options.consoleSocket);
  if (options.isSubscribed) args.push("--subscribe");
  if (options.heldDescriptors?.length) args.push("--hold", String(options.heldDescriptors.length));
  if (options.log) args.push(...logArguments(options.log));
  if (options.root) args.push(...rootArguments(options.root));
  return [...args, "--", ...options.runtimeCommand];
}

function logArguments({ path, maxSizeBytes, maxFiles, attributes, compress, bufferBytes }: MonitorLog): string[] {
  const args = ["--log", path];
  if (maxSizeBytes > 0)
    args.push("--log-max-size", String(maxSizeBytes), "--log-max-file", String(Math.max(1, maxFiles)));
  if (compress) args.push("--log-compress");
  if (bufferBytes) args.push("--log-buffer", String(bufferBytes));
  if (attributes && Object.keys(attributes).length > 0) args.push("--log-attrs", goJson(attributes));
  return args;
}

function rootArguments(root: MonitorRoot): string[] {
  const args = ["--root", root.path];
  for (const lower of root.lowerDirs) args.push("--lower", lower);
  if (root.upperDir !== undefined) args.push("--upper", root.upperDir);
  if (root.workDir !== undefined) args.push("--work", root.workDir);
  for (const option of root.options ?? []) args.push("--overlay-option", option);
  if (root.keepsPropagation) args.push("--propagate");
  return args;
}

/** As Go's encoder writes a map: keys in order, and the characters escaped that HTML would mind. */
function goJson(attributes: Readonly<Record<string, string>>): string {
  const sorted = Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(sorted).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
