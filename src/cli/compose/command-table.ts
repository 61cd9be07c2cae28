import type { ComposeCommand } from "./declaration.ts";

// biome-ignore lint/suspicious/noExplicitAny: the files declare commands with flags of every type
type CommandFile = Promise<{ command: ComposeCommand<any> }>;

/** The commands of `compose` and their files, in the order of the help screen. */
export const COMPOSE_COMMANDS: Readonly<Record<string, () => CommandFile>> = {
  attach: () => import("./attach-command.ts"),
  autoscale: () => import("./autoscale-command.ts"),
  build: () => import("./build-command.ts"),
  commit: () => import("./commit-command.ts"),
  create: () => import("./create-command.ts"),
  cp: () => import("./cp-command.ts"),
  down: () => import("./down-command.ts"),
  events: () => import("./events-command.ts"),
  exec: () => import("./exec-command.ts"),
  export: () => import("./export-command.ts"),
  graph: () => import("./graph-command.ts"),
  images: () => import("./images-command.ts"),
  kill: () => import("./kill-command.ts"),
  kube: () => import("./kube-command.ts"),
  logs: () => import("./logs-command.ts"),
  ls: () => import("./ls-command.ts"),
  pause: () => import("./pause-command.ts"),
  port: () => import("./port-command.ts"),
  ps: () => import("./ps-command.ts"),
  publish: () => import("./publish-command.ts"),
  pull: () => import("./pull-command.ts"),
  push: () => import("./push-command.ts"),
  restart: () => import("./restart-command.ts"),
  rm: () => import("./rm-command.ts"),
  scale: () => import("./scale-command.ts"),
  schedule: () => import("./schedule-command.ts"),
  start: () => import("./start-command.ts"),
  run: () => import("./run-command.ts"),
  stats: () => import("./stats-command.ts"),
  stop: () => import("./stop-command.ts"),
  top: () => import("./top-command.ts"),
  unpause: () => import("./unpause-command.ts"),
  up: () => import("./up-command.ts"),
  volumes: () => import("./volumes-command.ts"),
  wait: () => import("./wait-command.ts"),
  watch: () => import("./watch-command.ts"),
  config: () => import("./config-command.ts"),
  version: () => import("./version-command.ts"),
};

/** Other names of commands. */
export const COMPOSE_ALIASES: Readonly<Record<string, string>> = { convert: "config" };

/** Commands of docker compose that are not here, and what to use instead. */
export const REFUSED_COMMANDS: Readonly<Record<string, string>> = {
  alpha: "its commands left their trial: use 'scale', 'publish', 'watch', 'graph' and '--dry-run' without 'alpha'",
  bridge: "use 'compose kube', which prints the project as Kubernetes objects",
};
