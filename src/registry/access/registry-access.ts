/** AccessControl over passwords, rights and tokens: who a request comes from, and what it may do. */
import type { AccessControl, Grant, RepositoryAction, RequestOrigin } from "../contract.ts";
import { AccessRefused } from "./access-refused.ts";
import { type Login, parseBasic } from "./login.ts";
import type { Rights } from "./rights.ts";
import { allows, scopeText, wantedScopes } from "./scopes.ts";
import type { VerifiedToken } from "./token-verifier.ts";

type Wanted = Parameters<AccessControl["authorize"]>[1];

/** Who believes which proof, and what a caller without one is told. */
interface AccessParts {
  /** Undefined: passwords are not taken (an outside token service checks them). */
  login?: Login;
  rights?: () => Promise<Rights>;
  verifyToken?: (token: string) => Promise<VerifiedToken | undefined>;
  /** The scheme of the challenge. `realm` of bearer is the token service's address as this client reaches it. */
  challenge:
    | { scheme: "basic"; realm: string }
    | { scheme: "bearer"; realm(origin: RequestOrigin): string; service: string };
}

export class RegistryAccess implements AccessControl {
  constructor(private readonly parts: AccessParts) {}

  async authorize(origin: RequestOrigin, wanted: Wanted): Promise<Grant> {
    const { authorization } = origin;
    const bearer = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (bearer !== undefined && this.parts.verifyToken !== undefined) {
      const token = await this.parts.verifyToken(bearer);
      if (token === undefined) throw this.#unauthorized(origin, wanted, "invalid_token");
      const grant = this.#require(tokenGrant(token), origin, wanted);
      return wanted.action === "catalog" ? await this.#listing(grant) : grant;
    }
    const login = parseBasic(authorization);
    if (login !== undefined && this.parts.login !== undefined && this.parts.rights !== undefined) {
      if (!(await this.parts.login.check(login, origin.remoteAddress))) throw this.#unauthorized(origin, wanted);
      return this.#require(rightsGrant(login.user, await this.parts.rights()), origin, wanted);
    }
    return await this.#anonymous(origin, wanted);
  }

  /**
   * A token for the catalog names no repositories: its owner's rights say which are shown and what may be done in all of them.
   * Of an outside service's owners nothing is known: all are shown, and for more than that the token has to name them.
   */
  async #listing({ user, may }: Grant): Promise<Grant> {
    const rights = await this.parts.rights?.();
    if (rights !== undefined) return rightsGrant(user, rights);
    return { user, may: (repository, action) => action === "pull" || may(repository, action) };
  }

  /** Clients learn from GET /v2/ how to log in, so it is refused to anonymous callers even where they may pull. */
  async #anonymous(origin: RequestOrigin, wanted: Wanted): Promise<Grant> {
    const rights = await this.parts.rights?.();
    if (rights === undefined || wanted.action === undefined) throw this.#unauthorized(origin, wanted);
    return this.#require(rightsGrant("", rights), origin, wanted);
  }

  #require(grant: Grant & { mayList: boolean }, origin: RequestOrigin, wanted: Wanted): Grant {
    const { repository, action } = wanted;
    if (action === undefined) return grant;
    const isAllowed =
      action === "catalog" ? grant.mayList : repository !== undefined && mayAll(grant, repository, action);
    if (isAllowed) return grant;
    // Somebody whose rights are known cannot help it by logging in again; a token can be asked for with more in it.
    if (grant.user !== "" && parseBasic(origin.authorization) !== undefined) {
      throw new AccessRefused("forbidden", refusal(grant.user, wanted));
    }
    throw this.#unauthorized(origin, wanted, origin.authorization === undefined ? undefined : "insufficient_scope");
  }

  #unauthorized(origin: RequestOrigin, wanted: Wanted, error?: string): AccessRefused {
    const { challenge } = this.parts;
    if (challenge.scheme === "basic") {
      return new AccessRefused("unauthorized", "authentication required", {
        challenge: `Basic realm="${quoted(challenge.realm)}"`,
      });
    }
    const fields = [`realm="${quoted(challenge.realm(origin))}"`, `service="${quoted(challenge.service)}"`];
    const scope = wantedScopes(wanted).map(scopeText).join(" ");
    if (scope !== "") fields.push(`scope="${quoted(scope)}"`);
    if (error !== undefined) fields.push(`error="${error}"`);
    const message = error === "insufficient_scope" ? refusal("this token's owner", wanted) : "authentication required";
    return new AccessRefused("unauthorized", message, { challenge: `Bearer ${fields.join(",")}` });
  }
}

function mayAll(grant: Grant, repository: string, action: RepositoryAction): boolean {
  return grant.may(repository, action) && (action !== "push" || grant.may(repository, "pull"));
}

function tokenGrant({ subject, access }: VerifiedToken): Grant & { mayList: boolean } {
  return {
    user: subject,
    may: (repository, action) => allows(access, "repository", repository, action),
    mayList: allows(access, "registry", "catalog", "*"),
  };
}

function rightsGrant(user: string, rights: Rights): Grant & { mayList: boolean } {
  return {
    user,
    may: (repository, action) => rights.may(user, repository, action),
    mayList: rights.mayList(user),
  };
}

function refusal(who: string, { repository, action }: Wanted): string {
  if (action === "catalog") return `${who} may not list the repositories`;
  return `${who} may not ${action} in ${repository}`;
}

function quoted(text: string): string {
  return text.replace(/["\\\r\n]/g, "");
}
