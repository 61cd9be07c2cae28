import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { CliError } from "../cli-error.ts";
import { bool, list, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { type Preferences, preferencesObject, preferencesPath, readPreferences } from "./preferences.ts";
import { yamlText } from "./yaml-text.ts";

const FLAGS = {
  "allowlist-entry": list("A credential program that may run, as command=PROGRAM", { type: "stringArray" }),
  appendarg: list("Word behind those of the user (for aliases)", { type: "stringArray" }),
  command: string("The command, such as get or 'set env'"),
  name: string("The alias"),
  option: list("Flag and its default, as flag=value", { type: "stringArray" }),
  overwrite: bool("Put it in the place of what is there"),
  policy: string("Which credential programs may run: AllowAll, DenyAll, Allowlist"),
  prependarg: list("Word before those of the user (for aliases)", { type: "stringArray" }),
  section: string("defaults, aliases or credentialplugin"),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };

export const command = defineKubectlCommand({
  usage: "--section (defaults|aliases|credentialplugin) --command COMMAND [options]",
  summary: "Change your preferences",
  flags: FLAGS,
  async run({ flags, context }) {
    const place = preferencesPath(context.kuberc);
    if (place === undefined) throw new CliError("error: preferences are switched off");
    checkFlags(flags);
    const before: Preferences = (await readPreferences(context.kuberc)) ?? {
      apiVersion: "kubectl.config.k8s.io/v1beta1",
      defaults: [],
      aliases: [],
      policy: "",
      allowed: [],
    };
    const after = changed(before, flags);
    await mkdir(dirname(place.path), { recursive: true });
    // Beside it first: a file that is half written would keep every command from running.
    await writeFile(`${place.path}.naru`, yamlText(preferencesObject(after)), { mode: 0o644 });
    await rename(`${place.path}.naru`, place.path);
    context.print(`Updated ${place.path}\n`);
  },
});

function checkFlags(flags: Flags): void {
  const { section } = flags;
  if (section === "") throw new CliError('error: required flag(s) "section" not set');
  if (!["defaults", "aliases", "credentialplugin"].includes(section))
    throw new CliError(`error: --section must be "defaults", "aliases", or "credentialplugin", got: ${section}`);
  if (section !== "credentialplugin" && flags.command === "")
    throw new CliError("error: --command is required when --section=aliases or --section=defaults");
  if (section === "aliases" && flags.name === "")
    throw new CliError("error: --name is required when --section=aliases");
}

function changed(before: Preferences, flags: Flags): Preferences {
  const { command: wanted, name, overwrite } = flags;
  if (flags.section === "credentialplugin") {
    const allowed = flags["allowlist-entry"].map((text) => {
      const entry = /^command=(.+)$/.exec(text)?.[1];
      if (entry === undefined)
        throw new CliError(`error: invalid allowlist entry ${JSON.stringify(text)}: write command=PROGRAM`);
      return entry;
    });
    if (!["AllowAll", "DenyAll", "Allowlist"].includes(flags.policy))
      throw new CliError(`error: --policy must be AllowAll, DenyAll or Allowlist, got: ${flags.policy}`);
    return { ...before, policy: flags.policy, allowed };
  }
  const options = flags.option.map((text) => {
    const equals = text.indexOf("=");
    if (equals < 1) throw new CliError(`error: invalid option format ${JSON.stringify(text)}, expected flag=value`);
    return { name: text.slice(0, equals), default: text.slice(equals + 1) };
  });
  if (flags.section === "defaults") {
    if (!overwrite && before.defaults.some((one) => one.command === wanted)) {
      throw new CliError(
        `error: defaults for command ${JSON.stringify(wanted)} already exist, use --overwrite to replace`,
      );
    }
    const others = before.defaults.filter((one) => one.command !== wanted);
    return { ...before, defaults: [...others, { command: wanted, options }] };
  }
  if (!overwrite && before.aliases.some((one) => one.name === name))
    throw new CliError(`error: alias ${JSON.stringify(name)} already exists, use --overwrite to replace`);
  const alias = { name, command: wanted, prependArgs: flags.prependarg, appendArgs: flags.appendarg, options };
  return { ...before, aliases: [...before.aliases.filter((one) => one.name !== name), alias] };
}
