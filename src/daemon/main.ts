/** `naru daemon`: reads its configuration, starts the daemon and keeps it until a signal ends it. */
import { errorText } from "../lib/errors.ts";
import { NARU_VERSION } from "../lib/version.ts";
import { type CommandLine, parseCommandLine } from "./command-line.ts";
import { mergeConfiguration, readConfigFile, withFile } from "./config-file.ts";
import type { Daemon } from "./daemon.ts";
import { daemonHelp } from "./daemon-help.ts";
import { type DaemonOptions, daemonOptions } from "./options.ts";
import type { SettingValue } from "./setting-values.ts";
import { DEFAULT_CONFIG_FILE, SETTINGS } from "./settings.ts";

/** As dockerd: a second signal (of a supervisor, of an impatient hand) does not cut an orderly end in half; a third does. */
const FORCING_SIGNALS = 3;

/** They would end the process; as dockerd, it goes on. */
const HARMLESS_SIGNALS = ["SIGUSR2", "SIGALRM"] as const;

/** Runs the daemon with the arguments behind its name; ends the process itself. */
export async function runDaemon(args: readonly string[]): Promise<void> {
  try {
    const line = parseCommandLine(args);
    if (line.action === "help") {
      process.stdout.write(daemonHelp());
    } else if (line.action === "version") {
      process.stdout.write(`naru version ${NARU_VERSION}\n`);
    } else {
      const configuration = await configure(line);
      if (line.action === "validate") await validate(configuration.options);
      else await run(line, configuration);
    }
  } catch (error) {
    process.stderr.write(`naru daemon: ${errorText(error)}\n`);
    process.exit(1);
  }
}

async function validate(options: DaemonOptions): Promise<void> {
  const { checkOptions } = await import("./option-checks.ts");
  await checkOptions(options);
  process.stderr.write("configuration OK\n");
}

interface Configuration {
  /** By long flag. */
  settings: ReadonlyMap<string, SettingValue>;
  options: DaemonOptions;
}

/**
 * The options of a command line and the configuration file that it names.
 * @throws invalid in words that name the flag, the key or the file.
 */
export async function configure(line: CommandLine): Promise<Configuration> {
  const given = line.values.get("config-file") as string | undefined;
  const path = given ?? DEFAULT_CONFIG_FILE;
  const fromFile = await readConfigFile(path, given === undefined);
  const settings = mergeConfiguration(path, line.values, fromFile);
  // Flags alone are checked first, so that a fault of theirs is not blamed on the file.
  await checkRegistry(daemonOptions(line.values));
  try {
    const options = daemonOptions(settings);
    await checkRegistry(options);
    return { settings, options };
  } catch (error) {
    throw withFile(
      path,
      `merged configuration validation from file and command line flags failed: ${errorText(error)}`,
    );
  }
}

/** The registry's settings are read by its own code, which is loaded only when there is one. */
async function checkRegistry({ registry }: DaemonOptions): Promise<void> {
  if (registry === undefined) return;
  const { readDaemonRegistry } = await import("./daemon-registry.ts");
  await readDaemonRegistry(registry);
}

/** The settings that differ, and that a running daemon does not take over; as the configuration file names them. */
function changedForNextStart(now: Configuration["settings"], next: Configuration["settings"]): string[] {
  return SETTINGS.filter(
    ({ flag, isReloadable }) => !isReloadable && JSON.stringify(now.get(flag)) !== JSON.stringify(next.get(flag)),
  ).map(({ flag, key = flag }) => key);
}

async function run(line: CommandLine, configuration: Configuration): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("naru's daemon needs root: start it with sudo");
  process.umask(0o022);
  // A reader of the log, or of the audit log, that went away is no reason to end.
  process.stderr.on("error", () => {});
  process.stdout.on("error", () => {});
  const { Daemon } = await import("./daemon.ts");
  const starting = Daemon.start(configuration.options);
  let signals = 0;
  const end = (signal: NodeJS.Signals): void => {
    signals++;
    if (signals === FORCING_SIGNALS) process.exit(1);
    if (signals > 1) return;
    starting
      .then((daemon) => daemon.stop(signal))
      .then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`naru daemon: shutdown failed: ${errorText(error)}\n`);
          process.exit(1);
        },
      );
  };
  // All from the first moment: a start that is cut in half would leave namespaces and sockets behind.
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  for (const signal of HARMLESS_SIGNALS) process.on(signal, () => {});
  // One after the other; a start that fails is told below.
  let turn: Promise<Daemon | undefined> = starting.catch(() => undefined);
  const inTurn = (action: (daemon: Daemon) => void | Promise<void>) => {
    turn = turn.then(async (daemon) => {
      if (daemon !== undefined) await action(daemon);
      return daemon;
    });
  };
  process.on("SIGUSR1", () => inTurn((daemon) => daemon.logState()));
  process.on("SIGHUP", () => inTurn((daemon) => reload(daemon, line, configuration.settings)));
  const daemon = await starting;
  // A fault in one request must not take the others down; containers go on either way.
  process.on("uncaughtException", (error) => daemon.log.error("unexpected failure", { error }));
  process.on("unhandledRejection", (error) => daemon.log.error("unexpected failure", { error }));
}

/** Never rejects: a configuration that cannot be used changes nothing. */
async function reload(daemon: Daemon, line: CommandLine, startedWith: Configuration["settings"]): Promise<void> {
  try {
    const { settings, options } = await configure(line);
    await daemon.reload(options);
    const waiting = changedForNextStart(startedWith, settings);
    if (waiting.length > 0) daemon.log.warn("these settings change with the next start only", { waiting });
  } catch (error) {
    daemon.log.error("reload refused; the old configuration stays", { reason: errorText(error) });
  }
}
