/** Remembers tokens that were found good: a pull shows the same one with every request, and each check costs a signature. */
import type { VerifiedToken } from "./token-verifier.ts";

type Verify = (token: string) => Promise<VerifiedToken | undefined>;

const REMEMBERED = 2000;
/** Short, so that a key that is not trusted any more soon counts for nothing. */
const REMEMBER_MS = 60_000;

/** The same answers as `verify`, sooner. */
export function rememberTokens(verify: Verify, now: () => number = Date.now): Verify {
  const good = new Map<string, { token: VerifiedToken; until: number }>();
  return async (text) => {
    const known = good.get(text);
    if (known !== undefined && now() < known.until) return known.token;
    const token = await verify(text);
    good.delete(text);
    if (token === undefined) return undefined;
    const oldest = good.keys().next();
    if (good.size >= REMEMBERED && !oldest.done) good.delete(oldest.value);
    good.set(text, { token, until: Math.min(now() + REMEMBER_MS, Number(token.claims.exp) * 1000) });
    return token;
  };
}
