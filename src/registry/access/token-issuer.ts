/**
 * Makes and believes naru's own tokens. A bearer token says what its holder may do for some minutes. An identity token (what
 * `docker login` keeps instead of the password) says only who its holder is; it ends with the password it was given for.
 */
import { randomUUID } from "node:crypto";
import type { RepositoryAction } from "../contract.ts";
import { signToken } from "./json-web-token.ts";
import type { PasswordFile } from "./password-file.ts";
import type { Rights } from "./rights.ts";
import type { ScopedAccess } from "./scopes.ts";
import type { TokenKey } from "./token-key.ts";
import { type TokenExpectation, type VerifiedToken, verifyToken } from "./token-verifier.ts";

const BEARER = "JWT";
const IDENTITY = "naru-identity";
const IDENTITY_SECONDS = 180 * 86_400;
const ACTIONS: readonly RepositoryAction[] = ["pull", "push", "delete"];

interface IssuedToken {
  token: string;
  issuedAt: Date;
  seconds: number;
  access: ScopedAccess[];
}

export class TokenIssuer {
  readonly #expected: TokenExpectation;

  constructor(
    private readonly key: TokenKey,
    private readonly options: { issuer: string; service: string; tokenSeconds: number },
    private readonly rights: () => Promise<Rights>,
    private readonly passwords: PasswordFile | undefined,
  ) {
    const keys = { byId: new Map([[key.id, key.publicKey]]), roots: [] };
    this.#expected = { issuer: options.issuer, audience: options.service, keys };
  }

  get service(): string {
    return this.options.service;
  }

  /** A token for as much of `wanted` as the user has the right to. `service`: another registry that trusts this key. */
  async issue(user: string, wanted: readonly ScopedAccess[], service = this.options.service): Promise<IssuedToken> {
    const rights = await this.rights();
    const access = wanted.map((item) => granted(rights, user, item)).filter((item) => item.actions.length > 0);
    const { issuer, tokenSeconds } = this.options;
    const issuedAt = new Date();
    const now = Math.floor(issuedAt.getTime() / 1000);
    const claims = { iss: issuer, sub: user, aud: service, iat: now, nbf: now, exp: now + tokenSeconds };
    const token = await signToken(
      { typ: BEARER, kid: this.key.id },
      { ...claims, jti: randomUUID(), access },
      this.key.privateKey,
    );
    return { token, issuedAt, seconds: tokenSeconds, access };
  }

  verify(token: string): Promise<VerifiedToken | undefined> {
    return verifyToken(token, { ...this.#expected, type: BEARER });
  }

  async issueIdentity(user: string): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const { issuer, service } = this.options;
    const bound = await this.passwords?.fingerprint(user);
    const claims = { iss: issuer, sub: user, aud: service, iat: now, exp: now + IDENTITY_SECONDS, bound };
    return await signToken({ typ: IDENTITY, kid: this.key.id }, claims, this.key.privateKey);
  }

  /** @returns the user, while its password is the one that the token was given for */
  async userOfIdentity(token: string): Promise<string | undefined> {
    const verified = await verifyToken(token, { ...this.#expected, type: IDENTITY });
    if (verified === undefined) return undefined;
    const bound = await this.passwords?.fingerprint(verified.subject);
    return bound !== undefined && bound === verified.claims.bound ? verified.subject : undefined;
  }
}

function granted(rights: Rights, user: string, wanted: ScopedAccess): ScopedAccess {
  const { type, name, actions } = wanted;
  if (type === "registry") return { ...wanted, actions: name === "catalog" && rights.mayList(user) ? actions : [] };
  if (type !== "repository") return { ...wanted, actions: [] };
  const asked = actions.includes("*") ? [...ACTIONS] : actions;
  const given = asked.filter((action) => ACTIONS.includes(action as RepositoryAction));
  return { type, name, actions: given.filter((action) => rights.may(user, name, action as RepositoryAction)) };
}
