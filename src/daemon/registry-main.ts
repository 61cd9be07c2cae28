/** `naru registry serve`: a registry server as a process of its own, which needs no root. */
import { errorText } from "../lib/errors.ts";
import { NARU_VERSION } from "../lib/version.ts";
import { Log } from "./log.ts";
import { type RegistryOptions, readRegistryOptions, registryHelp } from "./registry-command-line.ts";
import { startRegistry } from "./registry-parts.ts";

/** Runs the registry with the arguments behind its name; ends the process itself. */
export async function runRegistry(args: readonly string[]): Promise<void> {
  try {
    const options = await readRegistryOptions(args);
    if (options === "help") process.stdout.write(registryHelp());
    else await run(options);
  } catch (error) {
    process.stderr.write(`naru registry serve: ${errorText(error)}\n`);
    process.exit(1);
  }
}

async function run(options: RegistryOptions): Promise<void> {
  process.umask(0o077);
  // A reader of the log that went away is no reason to end.
  process.stderr.on("error", () => {});
  const log = new Log(options.logLevel, options.logFormat);
  const starting = startRegistry(options, log);
  let isEnding = false;
  const end = (signal: NodeJS.Signals): void => {
    // A second signal does not wait for the requests under way.
    if (isEnding) process.exit(1);
    isEnding = true;
    log.info("shutting down", { reason: signal });
    starting
      .then((registry) => registry.stop())
      .then(
        () => {
          log.info("the registry has ended");
          process.exit(0);
        },
        (error: unknown) => {
          log.error("shutdown failed", { reason: errorText(error) });
          process.exit(1);
        },
      );
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  const registry = await starting;
  process.on("uncaughtException", (error) => log.error("unexpected failure", { error }));
  process.on("unhandledRejection", (error) => log.error("unexpected failure", { error }));
  process.on("SIGHUP", () => void registry.renewCertificates());
  for (const line of registry.instructions) process.stderr.write(`${line}\n`);
  log.info("the registry is ready", {
    version: NARU_VERSION,
    address: `${options.host}:${registry.port}`,
    storage: options.storage ?? options.root,
    startedInMs: Math.round(performance.now()),
  });
}
