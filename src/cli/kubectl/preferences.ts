/** Preferences of the user (kuberc, kubectl.config.k8s.io): defaults of flags, names for whole commands, and which credential programs may run. */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { CliError } from "../cli-error.ts";

interface Option {
  readonly name: string;
  readonly default: string;
}
interface Alias {
  readonly name: string;
  readonly command: string;
  readonly prependArgs: readonly string[];
  readonly appendArgs: readonly string[];
  readonly options: readonly Option[];
}
export interface Preferences {
  readonly apiVersion: string;
  readonly defaults: readonly { readonly command: string; readonly options: readonly Option[] }[];
  readonly aliases: readonly Alias[];
  /** AllowAll when the file says nothing. */
  readonly policy: string;
  /** Programs, as paths or names, that Allowlist lets run. */
  readonly allowed: readonly string[];
}

const VERSIONS = ["kubectl.config.k8s.io/v1alpha1", "kubectl.config.k8s.io/v1beta1"];
const POLICIES = ["", "AllowAll", "DenyAll", "Allowlist"];
const failed = (why: string) => new CliError(`error occurred while applying preferences ${why}`);

/** The file of --kuberc or KUBERC, else ~/.kube/kuberc; undefined when preferences are switched off. */
export function preferencesPath(flag: string, env = process.env): { path: string; mustExist: boolean } | undefined {
  if (env.KUBECTL_KUBERC === "false" || (flag === "" && env.KUBERC === "off")) return undefined;
  const named = flag || env.KUBERC || "";
  return { path: named || join(homedir(), ".kube", "kuberc"), mustExist: named !== "" };
}

/** @param flag --kuberc; empty when not given. Undefined when there are none @throws CliError for a file that says none */
export async function readPreferences(flag: string): Promise<Preferences | undefined> {
  const place = preferencesPath(flag);
  if (place === undefined) return undefined;
  const { path, mustExist } = place;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing && !mustExist) return undefined;
    throw failed(
      `kuberc error kuberc: open ${path}: ${isMissing ? "no such file or directory" : (error as Error).message}`,
    );
  }
  return parsePreferences(text, path);
}

/** @throws CliError */
export function parsePreferences(text: string, path: string): Preferences {
  const invalid = () => failed(`kuberc error kuberc: no valid preferences found in ${path}`);
  let value: Record<string, unknown> | null;
  try {
    value = Bun.YAML.parse(text) as typeof value;
  } catch {
    throw invalid();
  }
  if (typeof value !== "object" || value?.kind !== "Preference" || !VERSIONS.includes(String(value.apiVersion)))
    throw invalid();
  const aliases = listOf(value.aliases).map((one) => ({
    name: String(one.name ?? ""),
    command: String(one.command ?? ""),
    prependArgs: words(one.prependArgs),
    appendArgs: words(one.appendArgs),
    options: optionsOf(one),
  }));
  const names = aliases.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw failed(`duplicate alias name ${twice}`);
  const policy = String(value.credentialPluginPolicy ?? "");
  if (!POLICIES.includes(policy)) throw failed(`unknown plugin policy: ${JSON.stringify(policy)}`);
  return {
    apiVersion: String(value.apiVersion),
    // The first version called defaults overrides, and options flags.
    defaults: listOf(value.defaults ?? value.overrides).map((one) => ({
      command: String(one.command ?? ""),
      options: optionsOf(one),
    })),
    aliases,
    policy,
    allowed: listOf(value.credentialPluginAllowlist).map((one) => String(one.command ?? one.name ?? "")),
  };
}

/** The file's own form, without what is empty but for the lists that kubectl always writes. */
export function preferencesObject({ apiVersion, defaults, aliases, policy, allowed }: Preferences): object {
  return {
    kind: "Preference",
    apiVersion,
    defaults,
    aliases: aliases.map(({ prependArgs, appendArgs, options, ...named }) => ({
      ...named,
      ...(prependArgs.length === 0 ? {} : { prependArgs }),
      ...(appendArgs.length === 0 ? {} : { appendArgs }),
      ...(options.length === 0 ? {} : { options }),
    })),
    ...(policy === "" ? {} : { credentialPluginPolicy: policy }),
    ...(allowed.length === 0 ? {} : { credentialPluginAllowlist: allowed.map((one) => ({ command: one })) }),
  };
}

const listOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : []);
const words = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const optionsOf = (one: Record<string, unknown>): Option[] =>
  listOf(one.options ?? one.flags).map(({ name, default: value }) => ({
    name: String(name ?? ""),
    default: String(value ?? ""),
  }));

/** The words that an alias stands for, and the flags that it presets; undefined when there is no such alias. */
export function expandAlias(
  { aliases }: Preferences,
  [first = "", ...rest]: readonly string[],
): { words: string[]; options: readonly Option[] } | undefined {
  const alias = aliases.find(({ name }) => name === first);
  if (alias === undefined) return undefined;
  const command = alias.command.split(" ");
  return { words: [...command, ...alias.prependArgs, ...rest, ...alias.appendArgs], options: alias.options };
}

/** What presets of flags are as words, but for flags that the user has given. @throws CliError for a flag that the command does not have */
export function presetWords(
  options: readonly Option[],
  command: string,
  flags: Readonly<Record<string, unknown>>,
  given: ReadonlySet<string>,
): string[] {
  const unknown = options.find(({ name }) => !(name in flags));
  if (unknown !== undefined) throw failed(`invalid flag ${unknown.name} for command ${command}`);
  return options.filter(({ name }) => !given.has(name)).map(({ name, default: value }) => `--${name}=${value}`);
}

/** @param path of the program as it is run @throws CliError when the policy does not let it run */
export function checkProgramAllowed(preferences: Preferences | undefined, name: string, path: string): void {
  const refuse = (why: string) => new CliError(`Unable to connect to the server: getting credentials: ${why}`);
  const policy = preferences?.policy ?? "";
  if (policy === "DenyAll") throw refuse(`plugin ${JSON.stringify(name)} not allowed: policy set to "DenyAll"`);
  if (policy !== "Allowlist") return;
  const isAllowed = preferences!.allowed.some((one) => one === path || (Bun.which(one) ?? "") === path);
  if (!isAllowed)
    throw refuse(`plugin path ${JSON.stringify(path)} is not permitted by the credential plugin allowlist`);
}
