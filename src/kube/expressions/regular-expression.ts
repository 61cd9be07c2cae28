/** Regular expressions in RE2's syntax, which Kubernetes' schemas and rules use, as JavaScript's. */

const compiled = new Map<string, RegExp>();
/** Different expressions that are kept. */
const KEPT = 500;

/** @throws SyntaxError for what is no regular expression */
export function regularExpression(source: string): RegExp {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  // RE2 sets its flags at the beginning of the expression.
  const [head = "", flags = ""] = /^\(\?([ims]+)\)/.exec(source) ?? [];
  const body = source.slice(head.length).replaceAll("(?P<", "(?<").replaceAll("\\z", "$").replaceAll("\\A", "^");
  const made = unicode(body, flags) ?? new RegExp(body, flags);
  if (compiled.size >= KEPT) compiled.clear();
  compiled.set(source, made);
  return made;
}

/** RE2 lets any sign be escaped, JavaScript with Unicode only those that need it: then without. */
function unicode(body: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(body, `u${flags}`);
  } catch {
    return undefined;
  }
}
