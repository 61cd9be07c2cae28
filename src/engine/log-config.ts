/** Which logging driver a container has, and which options its creation takes; their values are read at its start. */
import { NaruError } from "../lib/errors.ts";
import type { HostConfig } from "../model/container.ts";
import type { EngineConfig } from "./config.ts";
import { parseBinaryBytes } from "./log-sizes.ts";

const OPTIONS: Record<string, readonly string[]> = {
  "json-file": ["max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"],
  local: ["max-file", "max-size", "compress"],
};
/** Options of every driver. */
const COMMON_OPTIONS = ["mode", "max-buffer-size"];
/** Docker has these as well; they send logs elsewhere. */
const REMOTE_DRIVERS = ["awslogs", "fluentd", "gcplogs", "gelf", "journald", "splunk", "syslog"];
const DEFAULT_BUFFER_BYTES = 1024 * 1024;

/** Fills in the default driver and checks the options' names and the mode. @throws {NaruError} invalid */
export function completeLogConfig(
  given: HostConfig["LogConfig"],
  config: Pick<EngineConfig, "logDriver" | "logOptions">,
) {
  const type = given?.Type || (config.logDriver ?? "json-file");
  const options = sorted(given?.Type ? given.Config : { ...config.logOptions, ...given?.Config });
  if (type === "none") return { Type: type, Config: options };
  const known = OPTIONS[type];
  if (REMOTE_DRIVERS.includes(type)) {
    throw new NaruError("invalid", `naru does not have the log driver '${type}': use json-file, local or none`);
  }
  if (known === undefined) {
    throw new NaruError("invalid", `error looking up logging plugin ${type}: plugin "${type}" not found`);
  }
  bufferBytes(options);
  for (const option of Object.keys(options)) {
    if (known.includes(option) || COMMON_OPTIONS.includes(option)) continue;
    const driver = type === "local" ? "log driver local" : `${type} log driver`;
    throw new NaruError("invalid", `unknown log opt '${option}' for ${driver}`);
  }
  return { Type: type, Config: options };
}

/** As Go writes a map. */
function sorted(options: Record<string, string> | null | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(options ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** How much may wait for the disk; undefined in the usual mode, where every line is written. @throws {NaruError} invalid */
export function bufferBytes(options: Readonly<Record<string, string>>): number | undefined {
  const { mode = "", "max-buffer-size": size } = options;
  if (!["", "blocking", "non-blocking"].includes(mode)) {
    throw new NaruError("invalid", `logger: logging mode not supported: ${mode}`);
  }
  if (size === undefined) return mode === "non-blocking" ? DEFAULT_BUFFER_BYTES : undefined;
  if (mode !== "non-blocking") {
    throw new NaruError("invalid", "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  const bytes = parseBinaryBytes(size);
  if (bytes === undefined) {
    throw new NaruError("invalid", `error parsing option max-buffer-size: invalid size: '${size}'`);
  }
  return bytes;
}
