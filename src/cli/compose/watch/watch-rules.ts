import { readFile } from "node:fs/promises";
import { isAbsolute, join, posix, relative } from "node:path";
import type { HookExec } from "../../../compose/contract.ts";
import { isTree, type Tree } from "../../../compose/document.ts";
import { shellWords } from "../../../compose/shell-words.ts";
import { listOf } from "../../../compose/short-forms.ts";
import { IgnoreMatcher, readIgnoreFile } from "../../../lib/ignore-patterns.ts";
import { CliError } from "../../cli-error.ts";
import { isDirectory } from "../build/service-build.ts";

const ACTIONS = ["rebuild", "restart", "sync", "sync+restart", "sync+exec"] as const;
type WatchAction = (typeof ACTIONS)[number];

/** What is done when something below a path changes. */
export interface WatchRule {
  service: string;
  /** Absolute. */
  path: string;
  action: WatchAction;
  /** Where the path's content belongs in the container; "" without syncing. */
  target: string;
  /** Of "sync+exec". */
  exec?: HookExec;
  /** Bring over at the start what is newer than the image. */
  syncsFirst: boolean;
  /** Patterns below `path`; what fits none is left alone, unless there are none. */
  include: IgnoreMatcher | undefined;
  ignores: { base: string; matcher: IgnoreMatcher }[];
}

/** Files that editors and systems leave for a moment, and version control's own. */
const EPHEMERAL = [
  "**/.git",
  "**/.idea",
  "**/.DS_Store",
  "**/*~",
  "**/.#*",
  "**/#*#",
  "**/*.sw[px]",
  "**/4913",
  "**/.goutputstream-*",
  "**/*___jb_tmp___",
  "**/*___jb_old___",
];

/** The rules of a service's `develop.watch`. Throws CliError for what makes no sense. */
export async function watchRules(name: string, service: Tree): Promise<WatchRule[]> {
  const develop = isTree(service.develop) ? service.develop : {};
  const triggers = listOf(develop.watch).filter(isTree);
  if (triggers.length === 0) return [];
  const fromBuild = await buildIgnores(service);
  return triggers.map((trigger) => ruleOf(name, service, trigger, fromBuild));
}

function ruleOf(name: string, service: Tree, trigger: Tree, fromBuild: WatchRule["ignores"]): WatchRule {
  const path = String(trigger.path);
  const action = String(trigger.action) as WatchAction;
  const refuse = (words: string): never => {
    throw new CliError(`service ${JSON.stringify(name)}: develop.watch of ${path}: ${words}`);
  };
  if (!ACTIONS.includes(action)) refuse(`unknown action ${JSON.stringify(action)}: there are ${ACTIONS.join(", ")}`);
  if (action === "rebuild" && !isTree(service.build)) refuse("rebuild needs a build section");
  const target = typeof trigger.target === "string" ? trigger.target : "";
  if (action.startsWith("sync") && !target.startsWith("/"))
    refuse(`${action} needs an absolute target in the container`);
  const exec = isTree(trigger.exec) ? hookOf(trigger.exec) : undefined;
  if (action === "sync+exec" && !exec?.command.length) refuse("sync+exec needs exec.command");
  const include = listOf(trigger.include).map(String);
  const own = listOf(trigger.ignore).map(String);
  return {
    service: name,
    path,
    action,
    target: action.startsWith("sync") ? target : "",
    ...(exec ? { exec } : {}),
    syncsFirst: trigger.initial_sync === true,
    include: include.length === 0 ? undefined : new IgnoreMatcher(include.map(clean)),
    ignores: [
      ...fromBuild,
      { base: "/", matcher: new IgnoreMatcher(EPHEMERAL) },
      { base: path, matcher: new IgnoreMatcher(own.map(clean)) },
    ],
  };
}

const clean = (pattern: string) => pattern.replace(/^\.?\/+/, "").replace(/\/+$/, "") || ".";

function hookOf(exec: Tree): HookExec {
  const environment = isTree(exec.environment)
    ? Object.entries(exec.environment).map(([name, value]) => (value === null ? name : `${name}=${value}`))
    : listOf(exec.environment).map(String);
  const command = Array.isArray(exec.command) ? exec.command.map(String) : shellWords(String(exec.command ?? ""));
  return {
    command,
    user: typeof exec.user === "string" ? exec.user : undefined,
    privileged: exec.privileged === true,
    workingDir: typeof exec.working_dir === "string" ? exec.working_dir : undefined,
    environment,
  };
}

/** What a build of the service does not see need not be watched. */
async function buildIgnores({ build }: Tree): Promise<WatchRule["ignores"]> {
  if (!isTree(build) || typeof build.context !== "string" || !isDirectory(build.context)) return [];
  const base = build.context;
  const text = await readFile(join(base, ".dockerignore")).catch(() => undefined);
  return text === undefined ? [] : [{ base, matcher: new IgnoreMatcher(readIgnoreFile(text)) }];
}

/** `path` as seen from `base`: "" for itself, undefined when it lies elsewhere. */
function below(base: string, path: string): string | undefined {
  const name = relative(base, path);
  return name.startsWith("..") || isAbsolute(name) ? undefined : name;
}

/** True when no rule wants to know of what is at that path, or of anything below it. */
export function isIgnored(rule: WatchRule, path: string): boolean {
  return rule.ignores.some(({ base, matcher }) => matcher.excludes(below(base, path) ?? ""));
}

/** Where a changed path belongs in the container ("" without syncing), or undefined when the rule does not mind it. */
export function targetOf(rule: WatchRule, path: string): string | undefined {
  const name = below(rule.path, path);
  if (name === undefined || isIgnored(rule, path)) return undefined;
  if (rule.include && !rule.include.excludes(name)) return undefined;
  return rule.target === "" ? "" : posix.join(rule.target, name);
}
