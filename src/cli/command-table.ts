import type { Command } from "./command.ts";

// biome-ignore lint/suspicious/noExplicitAny: the table holds commands with flags of every type
type Loader = () => Promise<Command<any>>;

/** The groups of commands, with the summary of each. */
export const GROUPS: Record<string, string> = {
  container: "Manage containers",
};

/** The commands that the top help screen shows first, in this order. */
export const COMMON_COMMANDS = [
  "run",
  "exec",
  "ps",
  "build",
  "pull",
  "push",
  "images",
  "login",
  "logout",
  "search",
  "version",
  "info",
];

const rename: Loader = async () => (await import("./commands/rename.ts")).command;

/** Every command by the words that call it. Only the chosen command's file is loaded, which keeps the start short. */
export const COMMANDS: Record<string, Loader> = {
  rename,
  "container rename": rename,
};

/** Names that work but are not listed: they stand under "Aliases" of their command. */
export const HIDDEN_NAMES = new Set<string>(["container list", "container ps", "container remove"]);
