/** `config set` and `config unset`: one value of a kubeconfig by its dotted name, such as "clusters.naru.server". */

import { CliError } from "../../cli-error.ts";
import { parseGoBool } from "../../go-bool.ts";
import { FIELDS, type Kubeconfig, SECTIONS, type Section, withEntry } from "./model.ts";

/** Names of impersonation differ between a file and a property's name. */
const PROPERTY_NAMES: Readonly<Record<string, string>> = {
  "act-as": "as",
  "act-as-uid": "as-uid",
  "act-as-groups": "as-groups",
  "act-as-user-extra": "as-user-extra",
};
const HEADER = ["apiVersion", "kind"];

interface EntryProperty {
  readonly section: Section;
  readonly name: string;
  /** Empty when the entry itself is named. */
  readonly field: string;
  /** What stands behind the field. */
  readonly below: readonly string[];
}

function entryProperty(section: Section, words: readonly string[]): EntryProperty {
  // A name may have dots: it ends before the first word that is a field.
  const at = words.findIndex((word, index) => index > 0 && fieldOf(section, word) !== undefined);
  if (at < 0) return { section, name: words.join("."), field: "", below: [] };
  return {
    section,
    name: words.slice(0, at).join("."),
    field: fieldOf(section, words[at]!)!,
    below: words.slice(at + 1),
  };
}

function fieldOf(section: Section, word: string): string | undefined {
  if (section !== "users") return word in FIELDS[section] ? word : undefined;
  if (word in PROPERTY_NAMES) return PROPERTY_NAMES[word];
  return word in FIELDS.users && !Object.values(PROPERTY_NAMES).includes(word) ? word : undefined;
}

const isSection = (word: string): word is Section => (SECTIONS as readonly string[]).includes(word);
const unknown = (word: string, before: string, kind: string) =>
  new CliError(`error: unable to parse ${word} after [${before}] at api.${kind}`);

/**
 * @param rawBytes for fields of bytes: the text itself, not base64
 * @throws CliError in kubectl's words
 */
export function setProperty(config: Kubeconfig, property: string, text: string, rawBytes: boolean): Kubeconfig {
  if (text === "") throw new CliError("error: you cannot use set to unset a property");
  const [first = "", ...rest] = property.split(".");
  if (HEADER.includes(first) && rest.length === 0) return config;
  if (first === "current-context" && rest.length === 0) return { ...config, current: text };
  if (first === "preferences") return withColors(config, rest, property, (was) => ({ ...was, colors: goBool(text) }));
  if (!isSection(first)) throw unknown(property, "", "Config");
  const wanted = entryProperty(first, rest);
  if (rest.length === 0 || wanted.field === "") {
    const names = [...config[first].keys()].sort().join(" ");
    throw new CliError(`error: can't set a map to a value: ${first} has [${names}]`);
  }
  const type = FIELDS[first][wanted.field]!.type;
  if (wanted.below.length > 0 || type === "object") {
    throw new CliError(`error: unable to parse one or more field values of ${property}`);
  }
  if (type === "strings") throw new CliError("error: unrecognized slice type. string");
  if (type === "list") throw new CliError(`error: ${property} cannot be set: extensions are programs' own`);
  const value = type === "bool" ? goBool(text) : type === "bytes" ? bytesOf(text, rawBytes) : text;
  const known = config[first].get(wanted.name) ?? { value: {}, origin: "" };
  const entry = { ...known, value: { ...known.value, [wanted.field]: value } };
  return withEntry(config, first, wanted.name, entry);
}

/** @throws CliError in kubectl's words */
export function unsetProperty(config: Kubeconfig, property: string): Kubeconfig {
  const [first = "", ...rest] = property.split(".");
  if (HEADER.includes(first) && rest.length === 0) return config;
  if (first === "current-context" && rest.length === 0) return { ...config, current: "" };
  if (first === "preferences" && rest.length === 0) return { ...config, preferences: {} };
  if (first === "preferences") return withColors(config, rest, property, ({ colors: _colors, ...others }) => others);
  if (!isSection(first)) throw unknown(property, "", "Config");
  if (rest.length === 0) return { ...config, [first]: new Map() };
  const { name, field, below } = entryProperty(first, rest);
  if (field === "") return withEntry(config, first, name, undefined);
  if (below.length > 0) throw new CliError(`error: unable to parse one or more field values of ${property}`);
  const known = config[first].get(name);
  if (known === undefined) throw new CliError(`error: current map key \`${name}\` is invalid`);
  const { [field]: _taken, ...value } = known.value;
  return withEntry(config, first, name, { ...known, value });
}

function withColors(
  config: Kubeconfig,
  rest: readonly string[],
  property: string,
  change: (preferences: Kubeconfig["preferences"]) => Kubeconfig["preferences"],
): Kubeconfig {
  if (rest.length !== 1 || rest[0] !== "colors") throw unknown(property, "preferences", "Preferences");
  const changed = change(config.preferences);
  const { colors, ...others } = changed;
  return { ...config, preferences: colors === true ? changed : others };
}

function goBool(text: string): boolean {
  try {
    return parseGoBool(text);
  } catch (error) {
    throw new CliError(`error: ${(error as Error).message}`);
  }
}

function bytesOf(text: string, raw: boolean): string {
  if (raw) return Buffer.from(text).toString("base64");
  const wrong = text.search(/[^A-Za-z0-9+/=]/);
  const isWhole = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  if (!isWhole) {
    const at = wrong >= 0 ? wrong : text.length - (text.length % 4);
    throw new CliError(`error: error decoding input value: illegal base64 data at input byte ${at}`);
  }
  return text;
}
