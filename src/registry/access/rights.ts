/**
 * Who may do what with which repositories: a readable YAML file.
 *
 *     groups:
 *       developers: [ann, bob]
 *     rights:
 *       - who: [anonymous]                 # nobody logged in; "everyone", "users", a name, "@group"
 *         repositories: ["public/**"]      # repository-pattern.ts; "{user}" is the caller's name
 *         may: [pull]
 *
 * A right that no entry gives is not there. Entries only add up.
 */
import { NaruError } from "../../lib/errors.ts";
import { asText, type SettingReader, wrong } from "../config/setting-reader.ts";
import type { RepositoryAction } from "../contract.ts";
import { anyOf, type NamePattern, parsePattern } from "../repository-pattern.ts";

const ACTIONS: readonly RepositoryAction[] = ["pull", "push", "delete"];

export interface Rights {
  may(user: string, repository: string, action: RepositoryAction): boolean;
  /** Whether this user may list the repositories (of which each shows only what it may pull). */
  mayList(user: string): boolean;
}

interface Entry {
  who(user: string): boolean;
  repositories(user: string): NamePattern;
  actions: ReadonlySet<string>;
}

/** Without a rights file: users may do everything, and others pull when `anonymousPull`. */
export function simpleRights(options: { anonymousPull: boolean }): Rights {
  return {
    may: (user, _, action) => user !== "" || (options.anonymousPull && action === "pull"),
    mayList: (user) => user !== "" || options.anonymousPull,
  };
}

/** @throws {NaruError} invalid naming the key */
export function parseRights(file: SettingReader): Rights {
  const groups = parseGroups(file.section("groups"));
  const entries = file.sections("rights").map((section) => parseEntry(section, groups));
  if (entries.length === 0) throw new NaruError("invalid", "rights is missing: nobody could do anything");
  return {
    may: (user, repository, action) =>
      entries.some((entry) => entry.actions.has(action) && entry.who(user) && entry.repositories(user)(repository)),
    mayList: (user) => entries.some((entry) => entry.actions.has("pull") && entry.who(user)),
  };
}

function parseGroups(section: SettingReader): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const name of section.keys()) groups.set(name, new Set(section.texts(name) ?? []));
  return groups;
}

function parseEntry(section: SettingReader, groups: ReadonlyMap<string, Set<string>>): Entry {
  const who = section.required("who", (value, path) => list(value, path).map((name) => parseWho(name, path, groups)));
  const patterns = section.required("repositories", list);
  for (const pattern of patterns) checkPattern(pattern, section.pathOf("repositories"));
  const actions = section.required("may", (value, path) =>
    list(value, path).flatMap((word) => parseAction(word, path)),
  );
  section.done();
  return {
    who: (user) => who.some((includes) => includes(user)),
    repositories: patternsFor(patterns),
    actions: new Set(actions),
  };
}

function parseWho(name: string, path: string, groups: ReadonlyMap<string, Set<string>>): (user: string) => boolean {
  if (name === "everyone") return () => true;
  if (name === "anonymous") return (user) => user === "";
  if (name === "users") return (user) => user !== "";
  if (!name.startsWith("@")) return (user) => user === name;
  const members = groups.get(name.slice(1));
  if (members === undefined) {
    throw new NaruError(
      "invalid",
      `${path}: there is no group ${name.slice(1)}; groups has: ${[...groups.keys()].join(", ") || "nothing"}`,
    );
  }
  return (user) => members.has(user);
}

function parseAction(word: string, path: string): RepositoryAction[] {
  if (word === "all") return [...ACTIONS];
  const action = ACTIONS.find((known) => known === word);
  if (action === undefined) throw wrong(path, word, `any of ${ACTIONS.join(", ")}, all`);
  return [action];
}

function checkPattern(pattern: string, path: string): void {
  try {
    parsePattern(pattern.replaceAll("{user}", "user"));
  } catch (error) {
    throw new NaruError("invalid", `${path}: ${(error as Error).message}`);
  }
}

/** Patterns with "{user}" are made per user; user names hold no pattern signs, or they match nothing. */
function patternsFor(texts: readonly string[]): (user: string) => NamePattern {
  const fixed = anyOf(texts.filter((text) => !text.includes("{user}")).map(parsePattern));
  const personal = texts.filter((text) => text.includes("{user}"));
  if (personal.length === 0) return () => fixed;
  return (user) => {
    if (!/^[a-z0-9._-]+$/.test(user)) return fixed;
    const own = anyOf(personal.map((text) => parsePattern(text.replaceAll("{user}", user))));
    return (name) => fixed(name) || own(name);
  };
}

function list(value: unknown, path: string): string[] {
  if (!Array.isArray(value) || value.length === 0) throw wrong(path, value, "a list of one or more");
  return value.map((item, index) => asText(item, `${path}[${index}]`));
}
