/** Label selectors as text ("a=b,c!=d,e in (f,g),!h"; Kubernetes' "Labels and Selectors"): what they ask of an object's labels. */

export type Labels = Readonly<Record<string, string>>;

export interface LabelRequirement {
  readonly key: string;
  /** As expressions of a LabelSelector have them; "=" asks for a single value. */
  readonly operator: "=" | "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values: readonly string[];
}

const SET_TERM = /^([^\s!=<>,()]+)\s+(in|notin)\s*\(([^()]*)\)$/;
const TERM = /^([^\s!=<>,()]+)\s*(==|=|!=|>|<)\s*([^\s!=<>,()]*)$/;
const EXISTS_TERM = /^(!?)\s*([^\s!=<>,()]+)$/;
const COMPARISONS = { "=": "=", "==": "=", "!=": "NotIn", ">": "Gt", "<": "Lt" } as const;

/**
 * The requirements in their order, all of which an object must meet; none for an empty text. Whether keys and values are ones that labels may
 * have is not looked at.
 * @throws what `mistake` makes of the first term that cannot be read
 */
export function labelRequirements(text: string, mistake: (term: string) => Error): LabelRequirement[] {
  if (text.trim() === "") return [];
  return splitTerms(text).map((term) => {
    const requirement = requirementOf(term);
    if (requirement === undefined) throw mistake(term);
    return requirement;
  });
}

/** "a=b,c in (d,e),!f" at its top-level commas. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const sign = text[at];
    if (sign === "(") depth++;
    else if (sign === ")") depth--;
    else if (sign === undefined || (sign === "," && depth === 0)) {
      terms.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return terms;
}

function requirementOf(term: string): LabelRequirement | undefined {
  const set = SET_TERM.exec(term);
  if (set) {
    const values = set[3]!.split(",").map((value) => value.trim());
    return { key: set[1]!, operator: set[2] === "in" ? "In" : "NotIn", values };
  }
  const pair = TERM.exec(term);
  if (pair) return { key: pair[1]!, operator: COMPARISONS[pair[2] as keyof typeof COMPARISONS], values: [pair[3]!] };
  const exists = EXISTS_TERM.exec(term);
  return exists ? { key: exists[2]!, operator: exists[1] === "!" ? "DoesNotExist" : "Exists", values: [] } : undefined;
}

/** Whether labels meet all requirements. An absent label meets the negative ones. */
export function meetRequirements(labels: Labels, requirements: readonly LabelRequirement[]): boolean {
  return requirements.every((requirement) =>
    meets(Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined, requirement),
  );
}

const WHOLE_NUMBER = /^-?\d+$/;

function meets(value: string | undefined, { operator, values }: LabelRequirement): boolean {
  switch (operator) {
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "=":
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Gt":
      return value !== undefined && WHOLE_NUMBER.test(value) && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && WHOLE_NUMBER.test(value) && Number(value) < Number(values[0]);
  }
}
