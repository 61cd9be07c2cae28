import type { ComposeCommand } from "./declaration.ts";

// biome-ignore lint/suspicious/noExplicitAny: the files declare commands with flags of every type
type CommandFile = Promise<{ command: ComposeCommand<any> }>;

/** The commands of `compose` and their files, in the order of the help screen. */
export const COMPOSE_COMMANDS: Readonly<Record<string, () => CommandFile>> = {
  config: () => import("./config-command.ts"),
  version: () => import("./version-command.ts"),
};

/** Other names of commands. */
export const COMPOSE_ALIASES: Readonly<Record<string, string>> = { convert: "config" };

/** Commands of docker compose that are not here, and what to use instead. */
export const REFUSED_COMMANDS: Readonly<Record<string, string>> = {
  alpha: "its commands left their trial: use 'scale', 'publish', 'watch' and '--dry-run' without 'alpha'",
  bridge: "use 'compose kube', which prints the project as Kubernetes objects",
};
