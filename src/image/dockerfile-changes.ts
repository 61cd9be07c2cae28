/**
 * Dockerfile instructions that change an image's configuration, as `docker import --change` and `docker commit --change`
 * take them. Pure.
 */
import { errorText, NaruError } from "../lib/errors.ts";
import { parseDuration } from "../lib/go-duration.ts";
import type { ContainerConfig, HealthConfig } from "../model/container.ts";

type Instruction = (config: ContainerConfig, rest: string) => void;

/** A copy of `config` with the instructions applied in order. @throws invalid in Docker's words */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  const changed = structuredClone(config);
  for (const line of changes.flatMap(logicalLines)) {
    const [, word = "", rest = ""] = /^(\S+)\s*([\s\S]*)$/.exec(line) ?? [];
    const instruction = INSTRUCTIONS[word.toUpperCase()];
    if (!instruction) throw new NaruError("invalid", `${word.toUpperCase()} is not a valid change command`);
    if (rest === "" && !COMMANDS.has(word.toUpperCase())) throw missingArguments(word.toUpperCase());
    instruction(changed, rest);
  }
  return changed;
}

/** An empty command is one for the shell. */
const COMMANDS = new Set(["CMD", "ENTRYPOINT"]);
const SINGLE_WORD = new Set(["USER", "WORKDIR", "STOPSIGNAL"]);

function missingArguments(instruction: string): NaruError {
  const wanted = SINGLE_WORD.has(instruction) ? "exactly one argument" : "at least one argument";
  return new NaruError("invalid", `${instruction} requires ${wanted}`);
}

/** Lines without comments, with continuations joined. */
function logicalLines(text: string): string[] {
  return text
    .replace(/\\[ \t]*\n/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

const INSTRUCTIONS: Record<string, Instruction> = {
  CMD: (config, rest) => {
    config.Cmd = commandOf(rest);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = commandOf(rest);
  },
  ENV: (config, rest) => {
    for (const [name, value] of pairs(rest, "ENV", config.Env ?? [])) {
      const others = (config.Env ?? []).filter((entry) => entry.split("=", 1)[0] !== name);
      const index = (config.Env ?? []).findIndex((entry) => entry.split("=", 1)[0] === name);
      others.splice(index < 0 ? others.length : index, 0, `${name}=${value}`);
      config.Env = others;
    }
  },
  LABEL: (config, rest) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(rest, "LABEL", config.Env ?? [])) };
  },
  EXPOSE: (config, rest) => {
    const ports = words(rest, config.Env ?? []).flatMap(exposedPorts);
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  },
  USER: (config, rest) => {
    config.User = word(rest, config.Env ?? []);
  },
  VOLUME: (config, rest) => {
    const paths = jsonStrings(rest) ?? words(rest, config.Env ?? []);
    if (paths.some((path) => path.trim() === "")) {
      throw new NaruError("invalid", "VOLUME specified can not be an empty string");
    }
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
  },
  WORKDIR: (config, rest) => {
    const path = word(rest, config.Env ?? []);
    config.WorkingDir = normalPath(path.startsWith("/") ? path : `${config.WorkingDir || ""}/${path}`);
  },
  ONBUILD: (config, rest) => {
    const trigger = rest.split(/\s/, 1)[0]!.toUpperCase();
    if (trigger === "ONBUILD") {
      throw new NaruError("invalid", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    }
    if (trigger === "MAINTAINER" || trigger === "FROM") {
      throw new NaruError("invalid", `${trigger} isn't allowed as an ONBUILD trigger`);
    }
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
  STOPSIGNAL: (config, rest) => {
    config.StopSignal = word(rest, config.Env ?? []);
  },
  HEALTHCHECK: (config, rest) => {
    config.Healthcheck = healthcheck(rest);
  },
};

/** Exec form (a JSON array of strings), or undefined when it is none. */
function jsonStrings(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((part) => typeof part === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

function commandOf(text: string): string[] {
  return jsonStrings(text) ?? ["/bin/sh", "-c", ...(text === "" ? [] : [text])];
}

function normalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** "NAME value with spaces" or "A=b C='d e'". */
function pairs(rest: string, instruction: string, env: readonly string[]): [string, string][] {
  const first = rest.split(/\s/, 1)[0]!;
  if (!first.includes("=")) {
    const value = rest.slice(first.length).trim();
    if (value === "") throw new NaruError("invalid", `${instruction} must have two arguments`);
    return [[first, word(value, env)]];
  }
  return words(rest, env).map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0) {
      throw new NaruError("invalid", `Syntax error - can't find = in "${word}". Must be of the form: name=value`);
    }
    if (equals === 0) throw new NaruError("invalid", `${instruction} names can not be blank`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function exposedPorts(text: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/([a-zA-Z]+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  const protocol = (match?.[3] ?? "tcp").toLowerCase();
  if (!match || first > last || last > 65535 || !["tcp", "udp", "sctp"].includes(protocol)) {
    throw new NaruError("invalid", `Invalid containerPort: ${text}`);
  }
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

/** The whole text as one word, quotes and variables resolved. */
function word(text: string, env: readonly string[]): string {
  return cutWords(text, env, /(?!)/)[0] ?? "";
}

function words(text: string, env: readonly string[]): string[] {
  return cutWords(text, env, /\s/);
}

/** As the Dockerfile's shell lexer cuts words: quotes, backslashes, $NAME, ${NAME}, ${NAME:-x}, ${NAME:+x}. */
function cutWords(text: string, env: readonly string[], separator: RegExp): string[] {
  const lookup = new Map(env.map((entry) => [entry.split("=", 1)[0]!, entry.slice(entry.indexOf("=") + 1)]));
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]!;
    if (quote === "" && separator.test(char)) {
      if (word !== undefined) found.push(word);
      word = undefined;
      continue;
    }
    word ??= "";
    if (char === quote) quote = "";
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === "\\" && quote !== "'" && at + 1 < text.length) {
      const next = text[at + 1]!;
      // Inside double quotes only these lose their meaning; before others the backslash stays.
      word += quote === '"' && !'"$\\'.includes(next) ? char + next : next;
      at += 1;
    } else if (char === "$" && quote !== "'") {
      const { value, length } = variable(text.slice(at), lookup);
      word += value;
      at += length - 1;
    } else word += char;
  }
  if (quote !== "") throw unclosedQuote(text, quote);
  return word === undefined ? found : [...found, word];
}

function unclosedQuote(text: string, quote: string): NaruError {
  const kind = quote === "'" ? "single-quote" : "double-quote";
  const words = `unexpected end of statement while looking for matching ${kind}`;
  return new NaruError("invalid", `failed to process ${JSON.stringify(text)}: ${words}`);
}

function variable(text: string, lookup: Map<string, string>): { value: string; length: number } {
  const match = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})/.exec(text);
  if (!match) return { value: "$", length: 1 };
  const [whole, plain, braced, operator, word = ""] = match;
  const value = lookup.get(plain ?? braced ?? "") ?? "";
  if (operator === "-") return { value: value === "" ? word : value, length: whole.length };
  if (operator === "+") return { value: value === "" ? "" : word, length: whole.length };
  return { value, length: whole.length };
}

const HEALTH_FLAGS: Record<string, "Interval" | "Timeout" | "StartPeriod" | "StartInterval"> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

function healthcheck(text: string): HealthConfig {
  const health: HealthConfig = {};
  let rest = text;
  for (let flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest); flag; flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest)) {
    setHealthFlag(health, flag[1]!, flag[2]!);
    rest = rest.slice(flag[0].length);
  }
  const [, word = "", command = ""] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (word.toUpperCase() === "NONE") {
    if (command !== "") throw new NaruError("invalid", "HEALTHCHECK NONE takes no arguments");
    return { Test: ["NONE"] };
  }
  if (word.toUpperCase() !== "CMD") {
    throw new NaruError("invalid", `Unknown type "${word.toUpperCase()}" in HEALTHCHECK (try CMD)`);
  }
  if (command === "") throw new NaruError("invalid", "Missing command after HEALTHCHECK CMD");
  const exec = jsonStrings(command);
  return { ...health, Test: exec ? ["CMD", ...exec] : ["CMD-SHELL", command] };
}

function setHealthFlag(health: HealthConfig, name: string, value: string): void {
  if (name === "retries") {
    if (!/^\d+$/.test(value)) throw new NaruError("invalid", `--retries must be at least 0 (not ${value})`);
    health.Retries = Number(value);
    return;
  }
  const field = HEALTH_FLAGS[name];
  if (!field) throw new NaruError("invalid", `unknown flag: --${name}`);
  try {
    health[field] = Number(parseDuration(value));
  } catch (cause) {
    throw new NaruError("invalid", errorText(cause), { cause });
  }
}
