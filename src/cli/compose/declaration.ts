import type { ComposeProject } from "../../compose/load-project.ts";
import type { Separator } from "../../compose/service-containers/container-name.ts";
import type { Command, CommandContext } from "../command.ts";
import type { FlagSet, FlagValues } from "../flags.ts";
import type { GlobalValues } from "./global-flags.ts";

/** How far a project is to be worked out. */
export interface LoadOptions {
  /** Services to keep, with what they depend on; none keeps all. */
  services?: readonly string[];
  skips?: readonly ("interpolate" | "normalize" | "paths" | "consistency" | "environment")[];
  /** Instead of those of the command line. */
  profiles?: readonly string[];
}

/** What a command of `compose` gets to work with. */
export interface ComposeContext extends CommandContext {
  readonly globals: GlobalValues;
  /** True when nothing may be changed (`--dry-run`, COMPOSE_DRY_RUN). */
  readonly isDryRun: boolean;
  /** In names of containers and images: `_` with `--compatibility` or COMPOSE_COMPATIBILITY, as the first docker-compose wrote them. */
  readonly separator: Separator;
  /** Reads the project. Throws CliError in docker compose's words. */
  loadProject(options?: LoadOptions): Promise<ComposeProject>;
  /** The project's name; its files are read only where the name is not given (`-p`, COMPOSE_PROJECT_NAME). */
  projectName(): Promise<string>;
  /**
   * For commands that also work without files: the project where there are files, else the name alone.
   * Env files of services are not read.
   */
  projectOrName(services?: readonly string[]): Promise<{ name: string; project?: ComposeProject }>;
}

/** One use of a command. */
interface ComposeInvocation<F extends FlagSet> {
  readonly flags: FlagValues<F>;
  readonly args: string[];
  /** True when the flag was on the command line, whatever its value. */
  given(name: keyof F & string): boolean;
  readonly context: ComposeContext;
}

/** The declaration of a command of `compose`: as that of any command, with the project in its context. */
export interface ComposeCommand<F extends FlagSet = FlagSet>
  extends Omit<Command<F>, "run" | "takesAllWords" | "helpsItself"> {
  /**
   * What `--dry-run` means here: "reads" where nothing is changed anyway, "tells" where the command itself tells what it
   * would do.
   */
  readonly dryRun: "reads" | "tells";
  /** Does the work. Returns the exit code (nothing for 0); throws CliError or the client's ApiError to fail. */
  run(invocation: ComposeInvocation<F>): Promise<number | undefined> | Promise<void>;
}

/** Gives a declaration its types. */
export function defineComposeCommand<F extends FlagSet>(command: ComposeCommand<F>): ComposeCommand<F> {
  return command;
}
