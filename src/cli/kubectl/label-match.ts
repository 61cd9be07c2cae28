/** Label selectors for objects that stand in files. */

/** Tells whether an object has the labels of a selector such as "a=b,c!=d,e,!f"; an empty one matches all. */
export function labelMatcher(selector: string): (object: { metadata?: unknown }) => boolean {
  const terms = selector.split(",").filter((term) => term !== "");
  return ({ metadata }) => {
    const labels = ((metadata as { labels?: Record<string, string> })?.labels ?? {}) as Record<string, string>;
    return terms.every((term) => {
      if (term.startsWith("!")) return !(term.slice(1) in labels);
      const [, key = "", operator, value = ""] = /^([^!=]+)(!=|==?)?(.*)$/.exec(term) ?? [];
      if (operator === undefined) return key in labels;
      return operator === "!=" ? labels[key] !== value : labels[key] === value;
    });
  };
}
