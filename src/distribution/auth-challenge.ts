/** What a registry asks for in WWW-Authenticate (RFC 9110, section 11.6.1): one or several challenges in one or several lines. */

export interface AuthChallenge {
  /** "bearer", "basic", … in small letters. */
  scheme: string;
  /** Names in small letters. */
  parameters: Readonly<Record<string, string>>;
}

const SCHEME = /\s*([A-Za-z][\w!#$%&'*+.^`|~-]*)(?=\s|,|$)/y;
const PARAMETER = /\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/y;
const SEPARATOR = /[\s,]*/y;

/** Reads a header's value; what cannot be understood is left out. */
export function parseChallenges(header: string | null): AuthChallenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  if (header === null) return challenges;
  let at = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(header);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  while (at < header.length) {
    match(SEPARATOR);
    // A parameter has an equals sign behind its name, a scheme has not.
    const parameter = match(PARAMETER);
    if (parameter !== null) {
      const [, name = "", quoted, plain = ""] = parameter;
      const last = challenges.at(-1);
      if (last) last.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? plain;
      continue;
    }
    const scheme = match(SCHEME);
    if (scheme === null) break;
    challenges.push({ scheme: scheme[1]!.toLowerCase(), parameters: {} });
  }
  return challenges;
}
