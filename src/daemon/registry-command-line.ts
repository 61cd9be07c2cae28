/** The command line of `naru registry serve`. */
import { parseArgs } from "node:util";
import { errorText, NaruError } from "../lib/errors.ts";
import { parseDuration } from "../lib/go-duration.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";

const NANOSECONDS_PER_MS = 1e6;

export interface RegistryOptions {
  host: string;
  port: number;
  /** Directory of the local storage; with `storage` only of what must be local. */
  root: string;
  /** s3://BUCKET[/PREFIX]; undefined: the root. */
  storage: string | undefined;
  syncs: boolean;
  collectEveryMs: number;
  graceMs: number;
  uploadAgeMs: number;
  collectsUntagged: boolean;
  shutdownMs: number;
  logLevel: LogLevel;
  logFormat: "text" | "json";
}

interface Flag {
  name: string;
  value: string;
  summary: string;
  fallback?: string;
}

const FLAGS: readonly Flag[] = [
  { name: "addr", value: "HOST:PORT", summary: "Listen here", fallback: "127.0.0.1:5000" },
  { name: "root", value: "DIR", summary: "Directory of the registry", fallback: "/var/lib/naru-registry" },
  { name: "storage", value: "s3://BUCKET[/PREFIX]", summary: "Keep everything in a bucket instead of the directory" },
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

/** @throws invalid, naming the flag */
export function parseRegistryCommandLine(args: readonly string[]): RegistryOptions | "help" {
  const values = readFlags(args);
  if (values.help === true) return "help";
  const text = (name: string) => values[name] as string;
  const storage = values.storage as string | undefined;
  if (storage !== undefined && !/^s3:\/\/[^/]+/.test(storage)) {
    throw new NaruError("invalid", `--storage ${storage}: write s3://BUCKET or s3://BUCKET/PREFIX`);
  }
  return {
    ...parseAddress(text("addr")),
    root: text("root"),
    storage,
    syncs: oneOf("fsync", text("fsync"), ["always", "never"]) === "always",
    collectEveryMs: duration("gc-interval", text("gc-interval")),
    graceMs: duration("gc-grace", text("gc-grace")),
    uploadAgeMs: duration("gc-uploads", text("gc-uploads")),
    collectsUntagged: oneOf("gc-untagged", text("gc-untagged"), ["yes", "no"]) === "yes",
    shutdownMs: duration("shutdown-timeout", text("shutdown-timeout")),
    logLevel: oneOf("log-level", text("log-level"), LOG_LEVELS),
    logFormat: oneOf("log-format", text("log-format"), ["text", "json"] as const),
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
        ...Object.fromEntries(
          FLAGS.map(({ name, fallback }) => [name, { type: "string" as const, default: fallback }]),
        ),
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
