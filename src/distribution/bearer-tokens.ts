/**
 * Bearer tokens for registries (Docker's token specification, and its OAuth2 form for identity tokens). A token is kept
 * per realm, user and scope until shortly before it ends, and asked for once however many requests wait for it.
 */
import { createHash } from "node:crypto";
import { NaruError } from "../lib/errors.ts";
import type { RegistryCredentials } from "./contract.ts";
import type { HttpReply, HttpRequest } from "./http-reply.ts";
import { errorOfReply } from "./registry-error.ts";

export interface TokenRequest {
  realm: string;
  service: string;
  /** "repository:library/debian:pull", sorted. */
  scopes: readonly string[];
  credentials?: RegistryCredentials;
  /** Asks for an identity token too, as `login` does. */
  isLogin?: boolean;
  signal?: AbortSignal;
}
export interface GrantedToken {
  token: string;
  /** What later requests may show instead of the password. */
  identityToken?: string;
}
/** Sends a request to a realm; the identity of the registry's client certificate does not go there. */
type RealmSender = (
  url: URL,
  request: Pick<HttpRequest, "method" | "headers" | "body" | "signal">,
) => Promise<HttpReply>;

const CLIENT_ID = "docker";
/** What a token without `expires_in` lives, by the specification; shorter promises are not believed. */
const LEAST_LIFE_SECONDS = 60;
/** A token is renewed this long before its end, so that a request does not find it ended on its way. */
const RENEW_BEFORE_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_TOKENS = 1000;

export class BearerTokens {
  private readonly kept = new Map<string, { granted: Promise<GrantedToken>; endsAt: number }>();

  /** @throws {RegistryError} unauthorized in the realm's words; {ConnectionError} */
  async get(request: TokenRequest, send: RealmSender): Promise<GrantedToken> {
    if (request.isLogin) return (await this.fetch(request, send)).granted;
    const key = keyOf(request);
    const found = this.kept.get(key);
    if (found && found.endsAt > Date.now() + RENEW_BEFORE_MS) return found.granted;
    // Not bound to one caller's signal: others may wait for the same token.
    const fetching = this.fetch({ ...request, signal: undefined }, send);
    const entry = { granted: fetching.then(({ granted }) => granted), endsAt: Number.POSITIVE_INFINITY };
    if (this.kept.size >= MAX_TOKENS) this.forgetEnded();
    this.kept.set(key, entry);
    fetching.then(
      ({ lifeMs }) => {
        entry.endsAt = Date.now() + lifeMs;
      },
      () => this.kept.get(key) === entry && this.kept.delete(key),
    );
    return entry.granted;
  }

  /** The registry did not accept it. */
  forget(request: TokenRequest): void {
    this.kept.delete(keyOf(request));
  }

  private forgetEnded(): void {
    for (const [key, { endsAt }] of this.kept) if (endsAt <= Date.now()) this.kept.delete(key);
    if (this.kept.size >= MAX_TOKENS) this.kept.clear();
  }

  private async fetch(request: TokenRequest, send: RealmSender): Promise<{ granted: GrantedToken; lifeMs: number }> {
    const url = realmUrl(request.realm);
    let reply = request.credentials?.identityToken
      ? await this.post(url, request, send)
      : await this.ask(url, request, send);
    // Realms from before OAuth2 know GET only.
    if (request.credentials?.identityToken && request.credentials.password && isUnknownMethod(reply)) {
      await reply.discard();
      reply = await this.ask(url, request, send);
    }
    if (!reply.isSuccess) throw await errorOfReply(reply);
    return readToken(await reply.json(MAX_ANSWER_BYTES), url);
  }

  /** OAuth2: an identity token is changed into an access token. */
  private post(
    url: URL,
    { service, scopes, credentials, signal }: TokenRequest,
    send: RealmSender,
  ): Promise<HttpReply> {
    const form = new URLSearchParams({
      client_id: CLIENT_ID,
      grant_type: "refresh_token",
      refresh_token: credentials?.identityToken ?? "",
      scope: scopes.join(" "),
      service,
    });
    return send(url, {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: () => form.toString(),
      signal,
    });
  }

  private ask(url: URL, request: TokenRequest, send: RealmSender): Promise<HttpReply> {
    const { service, scopes, credentials, isLogin, signal } = request;
    const asked = new URL(url);
    if (service !== "") asked.searchParams.set("service", service);
    for (const scope of scopes) asked.searchParams.append("scope", scope);
    if (isLogin) {
      asked.searchParams.set("offline_token", "true");
      asked.searchParams.set("client_id", CLIENT_ID);
    }
    const headers: Record<string, string> = {};
    if (credentials?.username) {
      asked.searchParams.set("account", credentials.username);
      headers.Authorization = basicAuthorization(credentials);
    }
    return send(asked, { method: "GET", headers, signal });
  }
}

/** @throws invalid for a realm that is no address */
function realmUrl(realm: string): URL {
  const url = URL.parse(realm);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new NaruError(
    "invalid",
    `the registry names ${JSON.stringify(realm)} as its token server, which is no address`,
  );
}

function isUnknownMethod({ status }: HttpReply): boolean {
  return status === 404 || status === 405;
}

function readToken(answer: unknown, url: URL): { granted: GrantedToken; lifeMs: number } {
  const { token, access_token, refresh_token, expires_in } = (answer ?? {}) as Record<string, unknown>;
  const text = typeof token === "string" && token !== "" ? token : access_token;
  if (typeof text !== "string" || text === "") {
    throw new NaruError("unauthorized", `the token server ${url.origin} did not include a token in its answer`);
  }
  const seconds = typeof expires_in === "number" ? expires_in : 0;
  return {
    granted: { token: text, identityToken: typeof refresh_token === "string" ? refresh_token : undefined },
    lifeMs: Math.max(seconds, LEAST_LIFE_SECONDS) * 1000,
  };
}

export function basicAuthorization({ username = "", password = "" }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function keyOf({ realm, service, scopes, credentials }: TokenRequest): string {
  const secret = [credentials?.username, credentials?.password, credentials?.identityToken].join("\0");
  const user = createHash("sha256").update(secret).digest("base64");
  return [realm, service, scopes.join(" "), user].join("\n");
}
