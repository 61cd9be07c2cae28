/** Logging drivers and their options. */
import { NaruError } from "../lib/errors.ts";
import type { ContainerConfig, HostConfig } from "../model/container.ts";
import type { LogTarget } from "../runtime/contract.ts";
import type { EngineConfig } from "./config.ts";

const JSON_FILE_OPTIONS = new Set([
  "max-file",
  "max-size",
  "mode",
  "compress",
  "labels",
  "labels-regex",
  "env",
  "env-regex",
  "tag",
]);
/** Logs never grow without bound: five files of this size unless options say otherwise. */
const DEFAULT_MAX_SIZE_BYTES = 100 * 1024 * 1024;
const DEFAULT_MAX_FILES = 5;

const UNITS: Record<string, number> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** Bytes of "10m", "1.5GiB", "512"; undefined for another text, as go-units reads them. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)i?b?$/i.exec(text.trim());
  return match === null ? undefined : Math.trunc(Number(match[1]) * UNITS[match[2]!.toLowerCase()]!);
}

/** Fills in the default driver and checks the options. @throws {NaruError} invalid */
export function completeLogConfig(given: HostConfig["LogConfig"], config: EngineConfig) {
  const type = given?.Type || (config.logDriver ?? "json-file");
  const isDefault = !given?.Type;
  const options = isDefault ? { ...config.logOptions, ...given?.Config } : { ...given?.Config };
  if (type === "local") {
    throw new NaruError(
      "invalid",
      "the log driver 'local' is not supported: use json-file, which is rotated by default",
    );
  }
  if (type !== "json-file" && type !== "none") {
    throw new NaruError("invalid", `error looking up logging plugin ${type}: plugin "${type}" not found`);
  }
  if ((options.mode ?? "blocking") !== "blocking") {
    throw new NaruError(
      "invalid",
      `log opt 'mode=${options.mode}' is not supported: every line is written; leave it away`,
    );
  }
  for (const option of Object.keys(options)) {
    if (type === "json-file" && !JSON_FILE_OPTIONS.has(option)) {
      throw new NaruError("invalid", `unknown log opt '${option}' for json-file log driver`);
    }
  }
  if (options.compress === "true") {
    throw new NaruError("invalid", "log opt 'compress' is not supported: rotated logs are kept uncompressed");
  }
  if (type === "json-file") readRotation(options);
  return { Type: type, Config: options };
}

function readRotation(options: Record<string, string>): { maxSizeBytes: number; maxFiles: number } {
  const size = options["max-size"];
  const files = options["max-file"];
  if (size === undefined && files === undefined) {
    return { maxSizeBytes: DEFAULT_MAX_SIZE_BYTES, maxFiles: DEFAULT_MAX_FILES };
  }
  const maxSizeBytes = size === undefined ? DEFAULT_MAX_SIZE_BYTES : size === "-1" ? 0 : parseBytes(size);
  if (maxSizeBytes === undefined) throw new NaruError("invalid", `invalid size: '${size}'`);
  const maxFiles = files === undefined ? 1 : /^\d+$/.test(files) ? Number(files) : Number.NaN;
  if (Number.isNaN(maxFiles) || maxFiles < 1) {
    throw new NaruError("invalid", files === "0" ? "max-file cannot be less than 1" : `invalid max-file: '${files}'`);
  }
  return { maxSizeBytes, maxFiles };
}

/** Where the monitor writes, for a checked configuration. */
export function logTarget(hostConfig: HostConfig, path: string): LogTarget {
  if (hostConfig.LogConfig?.Type === "none") return { path: undefined, maxSizeBytes: 0, maxFiles: 1 };
  return { path, ...readRotation(hostConfig.LogConfig?.Config ?? {}) };
}

/** The attributes that `logs --details` shows: chosen labels and variables, sorted by name. */
export function logAttributes(config: ContainerConfig, hostConfig: HostConfig): Record<string, string> {
  const options = hostConfig.LogConfig?.Config ?? {};
  const variables = Object.fromEntries(
    (config.Env ?? []).map((variable) => {
      const at = variable.indexOf("=");
      return at < 0 ? [variable, ""] : [variable.slice(0, at), variable.slice(at + 1)];
    }),
  );
  const chosen = {
    ...choose(config.Labels ?? {}, options.labels, options["labels-regex"]),
    ...choose(variables, options.env, options["env-regex"]),
  };
  return Object.fromEntries(Object.entries(chosen).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function choose(values: Record<string, string>, names: string | undefined, pattern: string | undefined) {
  const wanted = new Set((names ?? "").split(",").filter(Boolean));
  const matches = pattern ? new RegExp(pattern) : undefined;
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted.has(name) || matches?.test(name)));
}
