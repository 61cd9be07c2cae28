/** Domains that a resolver tries for short names. */

/** Checks one `--dns-search`; a single dot means none. Answers it without space around it. @throws Error in Docker's words */
export function checkSearchDomain(text: string): string {
  const domain = text.trim();
  if (domain === ".") return domain;
  const label = "[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?";
  if (!/[a-zA-Z]/.test(domain) || domain.length > 254 || !new RegExp(`^(${label}\\.)*${label}\\.?$`).test(domain)) {
    throw new Error(`${text} is not a valid domain`);
  }
  return domain;
}
