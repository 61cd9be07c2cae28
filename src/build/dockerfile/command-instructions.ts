/** CMD, ENTRYPOINT, SHELL and HEALTHCHECK: instructions whose arguments are a command line. */
import { errorText, NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import type { HealthConfig } from "../../model/container.ts";
import type { CommandLine, ParsedLine } from "./ast.ts";
import { readFlags } from "./flags.ts";
import { readJsonList } from "./json-form.ts";

const MIN_DURATION = 1e6;
const MAX_RETRIES = 2 ** 31 - 1;
const HEALTH_FLAGS = {
  interval: "text",
  timeout: "text",
  "start-period": "text",
  "start-interval": "text",
  retries: "text",
} as const;

function invalid(message: string): NaruError {
  return new NaruError("invalid", message);
}

/** The shell form keeps its text as one argument; an empty one has none. */
export function readCommand(line: ParsedLine): CommandLine {
  const list = readJsonList(line.rest);
  if (list) return { form: "exec", arguments: list, heredocs: [] };
  return { form: "shell", arguments: line.rest === "" ? [] : [line.rest], heredocs: line.heredocs };
}

export function readShell(line: ParsedLine): string[] {
  const { form, arguments: words } = readCommand(line);
  if (words.length === 0) throw invalid("SHELL requires at least one argument");
  if (form === "shell") throw invalid("SHELL requires the arguments to be in JSON form");
  return words;
}

export function readHealthcheck(line: ParsedLine): { health: HealthConfig; isShell: boolean } {
  if (line.rest === "") throw invalid("HEALTHCHECK requires at least one argument");
  const [, word = "", command = ""] = /^(\S+)\s*([\s\S]*)$/.exec(line.rest) ?? [];
  const type = word.toUpperCase();
  const list = readJsonList(command);
  if (type === "NONE") {
    if (command !== "") throw invalid("HEALTHCHECK NONE takes no arguments");
    return { health: { Test: ["NONE"] }, isShell: false };
  }
  const flags = readFlags(line.flags, HEALTH_FLAGS);
  if (type !== "CMD") throw invalid(`Unknown type ${goQuoted(type)} in HEALTHCHECK (try CMD)`);
  if (command === "" || list?.length === 0) throw invalid("Missing command after HEALTHCHECK CMD");
  const health: HealthConfig = { Test: list ? ["CMD", ...list] : ["CMD-SHELL", command] };
  setDuration(health, "Interval", "interval", flags.interval);
  setDuration(health, "Timeout", "timeout", flags.timeout);
  setDuration(health, "StartPeriod", "start-period", flags["start-period"]);
  setDuration(health, "StartInterval", "start-interval", flags["start-interval"]);
  if (flags.retries) health.Retries = readRetries(flags.retries);
  return { health, isShell: list === undefined };
}

type DurationField = "Interval" | "Timeout" | "StartPeriod" | "StartInterval";

function setDuration(health: HealthConfig, field: DurationField, flag: string, text: string | undefined): void {
  if (text === undefined || text === "") return;
  const nanoseconds = readDuration(text);
  if (nanoseconds === 0) return;
  if (nanoseconds < MIN_DURATION) throw invalid(`Interval ${goQuoted(flag)} cannot be less than 1ms`);
  health[field] = nanoseconds;
}

function readDuration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new NaruError("invalid", errorText(error), { cause: error });
  }
}

function readRetries(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`strconv.ParseInt: parsing ${goQuoted(text)}: invalid syntax`);
  const retries = Number(text);
  if (Math.abs(retries) > MAX_RETRIES) {
    throw invalid(`strconv.ParseInt: parsing ${goQuoted(text)}: value out of range`);
  }
  if (retries < 0) throw invalid(`--retries cannot be negative (${retries})`);
  return retries;
}
