import { CliError } from "../cli-error.ts";
import { csvFields, cut } from "../csv.ts";

/** Settings such as `type=local,dest=out`, keys in small letters, but for names of the user's. Throws CliError. */
export function csvSettings(flag: string, text: string): Record<string, string> {
  let fields: string[];
  try {
    fields = csvFields(text);
  } catch (error) {
    throw new CliError(`invalid --${flag} ${JSON.stringify(text)}: ${(error as Error).message}`);
  }
  const settings: Record<string, string> = {};
  for (const field of fields) {
    const [key, value] = cut(field, "=");
    if (value === undefined) throw new CliError(`invalid value ${field} of --${flag}: write it as key=value`);
    const name = key.trim();
    settings[name.includes(".") ? name : name.toLowerCase()] = value;
  }
  return settings;
}

/** A switch of such settings. Throws CliError. */
export function csvBool(flag: string, key: string, text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw new CliError(`invalid value ${JSON.stringify(text)} of ${key} in --${flag}: write true or false`);
}
