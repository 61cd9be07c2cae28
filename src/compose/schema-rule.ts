/** What may stand at one place of a Compose file. A rule with several types allows each; the other parts apply to their type. */
export interface Rule {
  types: readonly string[];
  /** Known keys of a map. */
  keys?: Readonly<Record<string, Rule>>;
  /** The rule of keys that are not listed: names chosen by the user. */
  anyKey?: Rule;
  /** What the user's names must look like. */
  keyPattern?: RegExp;
  /** Keys of another kind are let through (networks and models, in the published schema). */
  isOpen?: boolean;
  noExtensions?: boolean;
  required?: readonly string[];
  items?: Rule;
  oneOf?: readonly string[];
  pattern?: RegExp;
  least?: number;
  most?: number;
}

/** A rule of types, as in `value("number|string")`. */
export const value = (types: string, more: Partial<Rule> = {}): Rule => ({ types: types.split("|"), ...more });
export const text = value("string");
export const flag = value("boolean|string");
export const whole = value("integer|string");
export const amount = value("number|string");
/** One of a few words. */
export const words = (...oneOf: string[]): Rule => value("string", { oneOf });
export const list = (items: Rule): Rule => value("array", { items });
export const texts = list(text);
/** One text or a list of them. */
export const textOrList = value("string|array", { items: text });
/** A map with known keys; `extra` names other types that may stand in its place. */
export const keyed = (keys: Record<string, Rule>, more: Partial<Rule> = {}): Rule => ({
  types: ["object"],
  keys,
  ...more,
});
/** A map whose keys the user chooses. */
export const named = (anyKey: Rule, more: Partial<Rule> = {}): Rule => ({ types: ["object"], anyKey, ...more });
/** A map of simple values, or a list of `key=value`. */
export const mapping = value("object|array", { anyKey: value("string|number|boolean|null"), items: text });
export const numberOrTextMap = named(amount, { noExtensions: true });
/** The same rule where another type may stand instead. */
export const or = (types: string, rule: Rule): Rule => ({ ...rule, types: [...rule.types, ...types.split("|")] });
