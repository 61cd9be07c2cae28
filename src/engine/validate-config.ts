/** Checks of the portable part of a container's configuration, with Docker's words. */
import { posix } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { signalNumber } from "../lib/signals.ts";
import type { ContainerConfig, HealthConfig } from "../model/container.ts";

const MIN_HEALTH_DURATION_NS = 1_000_000;

/** Checks and cleans what a client sent; the result is a copy. @throws {NaruError} invalid */
export function validateConfig(given: ContainerConfig): ContainerConfig {
  const config = { ...given };
  refuseNul("environment variable", config.Env);
  refuseNul("command", [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]);
  if (config.WorkingDir !== undefined && config.WorkingDir !== "") {
    if (!config.WorkingDir.startsWith("/")) {
      throw new NaruError(
        "invalid",
        `the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`,
      );
    }
    config.WorkingDir = posix.normalize(config.WorkingDir);
    if (config.WorkingDir.length > 1) config.WorkingDir = config.WorkingDir.replace(/\/$/, "");
  }
  for (const variable of config.Env ?? []) {
    if (variable === "" || variable.startsWith("=")) {
      throw new NaruError("invalid", `invalid environment variable: ${variable}`);
    }
  }
  if (config.StopSignal !== undefined && config.StopSignal !== "") signalNumber(config.StopSignal);
  if (config.Healthcheck) validateHealth(config.Healthcheck);
  return config;
}

/** The kernel's texts end at a NUL: what is behind it would silently be cut off. */
function refuseNul(what: string, words: readonly string[] | null | undefined): void {
  const bad = words?.find((word) => word.includes("\0"));
  if (bad !== undefined) throw new NaruError("invalid", `invalid ${what} ${JSON.stringify(bad)}: contains nul byte`);
}

function validateHealth(health: HealthConfig): void {
  const durations = [
    ["Interval", health.Interval],
    ["Timeout", health.Timeout],
    ["StartPeriod", health.StartPeriod],
    ["StartInterval", health.StartInterval],
  ] as const;
  for (const [name, value] of durations) {
    if (value !== undefined && value !== 0 && value < MIN_HEALTH_DURATION_NS) {
      throw new NaruError("invalid", `${name} in Healthcheck cannot be less than 1ms`);
    }
  }
  if ((health.Retries ?? 0) < 0) throw new NaruError("invalid", "Retries in Healthcheck cannot be negative");
}
