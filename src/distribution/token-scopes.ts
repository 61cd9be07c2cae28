/** What a token is asked for. */
import type { AuthChallenge } from "./auth-challenge.ts";
import type { TokenRequest } from "./bearer-tokens.ts";
import type { RegistryCredentials } from "./contract.ts";

/** A token for `scopes` as a challenge describes it. */
export function tokenRequest(
  { parameters }: AuthChallenge,
  { credentials, scopes }: { credentials?: RegistryCredentials; scopes: readonly string[] },
): TokenRequest {
  // A registry may ask for more than one's own scopes (a mount's source, for one).
  const asked = new Set([...scopes, ...(scopes.length === 0 ? [] : (parameters.scope ?? "").split(" "))]);
  asked.delete("");
  return {
    realm: parameters.realm ?? "",
    service: parameters.service ?? "",
    scopes: mergeScopes([...asked]),
    credentials,
  };
}

/** "repository:a:pull" and "repository:a:pull,push" become one. */
function mergeScopes(scopes: string[]): string[] {
  const actions = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const colon = scope.lastIndexOf(":");
    const resource = scope.slice(0, colon);
    const known = actions.get(resource) ?? new Set<string>();
    for (const action of scope.slice(colon + 1).split(",")) known.add(action);
    actions.set(resource, known);
  }
  return [...actions].map(([resource, set]) => `${resource}:${[...set].join(",")}`).sort();
}
