/** Scopes of Docker's token protocol: "repository:team/app:pull,push", "registry:catalog:*". */
import type { RepositoryAction } from "../contract.ts";

/** An element of a token's "access" claim. */
export interface ScopedAccess {
  type: string;
  name: string;
  actions: string[];
}

/** Several scopes may be given one by one or with blanks between them; what cannot be read is left out. */
export function parseScopes(texts: readonly string[]): ScopedAccess[] {
  return texts
    .flatMap((text) => text.split(" "))
    .flatMap((text) => {
      // A name may hold a host with its port; the type may hold a class, "repository(plugin)".
      const match = /^([a-z]+)(?:\([a-z0-9]+\))?:(.+):([a-z*,]*)$/.exec(text);
      return match === null
        ? []
        : [{ type: match[1]!, name: match[2]!, actions: match[3]!.split(",").filter(Boolean) }];
    });
}

export function scopeText({ type, name, actions }: ScopedAccess): string {
  return `${type}:${name}:${actions.join(",")}`;
}

/** The scopes that a challenge names. */
export function wantedScopes(wanted: {
  repository?: string;
  action?: RepositoryAction | "catalog";
  mountFrom?: string;
}): ScopedAccess[] {
  const { repository, action, mountFrom } = wanted;
  if (action === "catalog") return [{ type: "registry", name: "catalog", actions: ["*"] }];
  if (repository === undefined || action === undefined) return [];
  const actions = action === "push" ? ["pull", "push"] : [action];
  const scopes = [{ type: "repository", name: repository, actions }];
  if (mountFrom !== undefined) scopes.push({ type: "repository", name: mountFrom, actions: ["pull"] });
  return scopes;
}

/** True when the access claim allows the action; "*" allows every action. */
export function allows(access: readonly ScopedAccess[], type: string, name: string, action: string): boolean {
  return access.some(
    (item) => item.type === type && item.name === name && (item.actions.includes(action) || item.actions.includes("*")),
  );
}
