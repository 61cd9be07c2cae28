/** The command line of `naru registry serve`, and the configuration file that it names. */
import { parseArgs } from "node:util";
import { errorText, NaruError } from "../lib/errors.ts";
import { parseDuration } from "../lib/go-duration.ts";
import {
  defaultRegistrySettings,
  parseRegistrySettings,
  type RegistrySettings,
  SURROUNDING_FLAGS,
  withSurroundingFlags,
} from "../registry/config/registry-settings.ts";
import { readYamlFile } from "../registry/config/yaml-file.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";
import type { StorageSettings } from "./registry-storage.ts";

const NANOSECONDS_PER_MS = 1e6;

export interface RegistryOptions extends StorageSettings {
  host: string;
  port: number;
  collectEveryMs: number;
  graceMs: number;
  uploadAgeMs: number;
  collectsUntagged: boolean;
  shutdownMs: number;
  logLevel: LogLevel;
  logFormat: "text" | "json";
  /** Access, TLS, cache, quotas, webhooks, retention, page. */
  settings: RegistrySettings;
}

interface Flag {
  name: string;
  value: string;
  summary: string;
  fallback?: string;
}

const FLAGS: readonly Flag[] = [
  { name: "config", value: "FILE", summary: "Settings (YAML); flags win over them" },
  { name: "addr", value: "HOST:PORT", summary: "Listen here", fallback: "127.0.0.1:5000" },
  { name: "root", value: "DIR", summary: "Directory of the registry", fallback: "/var/lib/naru-registry" },
  ...SURROUNDING_FLAGS,
  { name: "storage", value: "s3://BUCKET[/PREFIX]", summary: "Keep everything in a bucket instead of the directory" },
  { name: "s3-endpoint", value: "URL", summary: "Address of the S3 server (default Amazon's of the region)" },
  { name: "s3-region", value: "REGION", summary: "Region of the bucket (default $AWS_REGION, else us-east-1)" },
  { name: "s3-style", value: "path|host", summary: "Where addresses name the bucket (default path with an endpoint)" },
  { name: "s3-redirect", value: "yes|no", summary: "Send clients to the bucket for blobs", fallback: "no" },
  {
    name: "fsync",
    value: "always|never",
    summary: "never: faster, but a power cut may lose pushes",
    fallback: "always",
  },
  { name: "gc-interval", value: "DURATION", summary: "Collect garbage this often; 0: only when asked", fallback: "6h" },
  { name: "gc-grace", value: "DURATION", summary: "Leave what was used this recently", fallback: "1h" },
  { name: "gc-uploads", value: "DURATION", summary: "Give up uploads without a byte for this long", fallback: "24h" },
  { name: "gc-untagged", value: "yes|no", summary: "Also collect manifests that no tag reaches", fallback: "no" },
  { name: "shutdown-timeout", value: "DURATION", summary: "Let requests end for this long", fallback: "30s" },
  { name: "log-level", value: LOG_LEVELS.join("|"), summary: "Least level of the log", fallback: "info" },
  { name: "log-format", value: "text|json", summary: "Form of the log's lines", fallback: "text" },
];

/**
 * Flags win over the configuration file.
 * @throws invalid, naming the flag, or the file and its key
 */
export async function readRegistryOptions(args: readonly string[]): Promise<RegistryOptions | "help"> {
  const flags = readFlags(args);
  if (flags.help === true) return "help";
  const { config, ...given } = flags as Record<string, string | undefined>;
  const file =
    config === undefined
      ? { settings: defaultRegistrySettings(), serve: {} }
      : await readYamlFile(config, parseRegistrySettings);
  return registryOptions(given, file);
}

/** The options of flags (by name, without dashes) and of what a configuration file said. @throws invalid, naming the flag */
export function registryOptions(
  flags: Readonly<Record<string, string | undefined>>,
  file: { settings: RegistrySettings; serve: Readonly<Record<string, string>> },
): RegistryOptions {
  const fallbacks = Object.fromEntries(FLAGS.map(({ name, fallback }) => [name, fallback]));
  const values = { ...fallbacks, ...file.serve, ...flags };
  const text = (name: string) => values[name] as string;
  const storage = values.storage;
  const style = values["s3-style"];
  return {
    ...parseAddress(text("addr")),
    root: text("root"),
    storage,
    s3: {
      endpoint: values["s3-endpoint"],
      region: values["s3-region"],
      pathStyle: style === undefined ? undefined : oneOf("s3-style", style, ["path", "host"]) === "path",
      redirects: oneOf("s3-redirect", text("s3-redirect"), ["yes", "no"]) === "yes",
    },
    syncs: oneOf("fsync", text("fsync"), ["always", "never"]) === "always",
    collectEveryMs: duration("gc-interval", text("gc-interval")),
    graceMs: duration("gc-grace", text("gc-grace")),
    uploadAgeMs: duration("gc-uploads", text("gc-uploads")),
    collectsUntagged: oneOf("gc-untagged", text("gc-untagged"), ["yes", "no"]) === "yes",
    shutdownMs: duration("shutdown-timeout", text("shutdown-timeout")),
    logLevel: oneOf("log-level", text("log-level"), LOG_LEVELS),
    logFormat: oneOf("log-format", text("log-format"), ["text", "json"] as const),
    settings: withSurroundingFlags(file.settings, flags),
  };
}

export function registryHelp(): string {
  const rows = FLAGS.map(({ name, value, summary, fallback }) => [
    `  --${name} ${value}`,
    summary + (fallback === undefined ? "" : ` (default ${fallback})`),
  ]);
  rows.push(["  --help", "Print usage"]);
  const width = Math.max(...rows.map(([left]) => left!.length)) + 3;
  const lines = rows.map(([left, right]) => left!.padEnd(width) + right);
  return `Usage:  naru registry serve [OPTIONS]\n\nA registry of one's own: any OCI or Docker client pushes to it and pulls from it.\n\nOptions:\n${lines.join("\n")}\n`;
}

function readFlags(args: readonly string[]): Record<string, unknown> {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        help: { type: "boolean", short: "h" },
        ...Object.fromEntries(FLAGS.map(({ name }) => [name, { type: "string" as const }])),
      },
    });
    return values;
  } catch (error) {
    throw new NaruError("invalid", `${errorText(error)}\nSee 'naru registry serve --help'.`);
  }
}

function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535)
    throw new NaruError("invalid", `--addr ${text}: write HOST:PORT, as in 0.0.0.0:5000`);
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? "0.0.0.0" : host, port };
}

function oneOf<T extends string>(flag: string, text: string, values: readonly T[]): T {
  const value = values.find((candidate) => candidate === text);
  if (value !== undefined) return value;
  throw new NaruError("invalid", `--${flag} ${text}: choose one of ${values.join(", ")}`);
}

function duration(flag: string, text: string): number {
  try {
    return text === "0" ? 0 : parseDuration(text) / NANOSECONDS_PER_MS;
  } catch (error) {
    throw new NaruError("invalid", `--${flag} ${text}: ${errorText(error)}`);
  }
}
