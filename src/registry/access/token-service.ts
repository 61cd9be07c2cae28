/**
 * The token endpoint (Docker's registry token protocol): GET with Basic authentication or anonymous, and the OAuth2 form
 * (POST, grant types password and refresh_token).
 */
import { isKind } from "../../lib/errors.ts";
import type { RequestOrigin } from "../contract.ts";
import { AccessRefused } from "./access-refused.ts";
import { type Login, parseBasic } from "./login.ts";
import { parseScopes, scopeText } from "./scopes.ts";
import type { TokenIssuer } from "./token-issuer.ts";

const MAX_FORM_BYTES = 64 * 1024;
/** A token service is asked by this name where identity tokens travel as Basic passwords. */
const TOKEN_USER = "<token>";

export class TokenService {
  constructor(
    private readonly issuer: TokenIssuer,
    private readonly login: Login,
    /** Services besides the own one for which tokens are given: other registries that trust this key. */
    private readonly otherServices: readonly string[],
  ) {}

  async answer(request: Request, origin: RequestOrigin): Promise<Response> {
    try {
      if (request.method === "GET") return await this.#get(new URL(request.url).searchParams, origin);
      if (request.method === "POST") return await this.#post(request, origin);
      return failure(405, "UNSUPPORTED", "ask for a token with GET or POST", { Allow: "GET, POST" });
    } catch (error) {
      if (!(error instanceof AccessRefused)) throw error;
      const { retryAfterSeconds } = error.answer;
      if (retryAfterSeconds !== undefined) {
        return failure(429, "TOOMANYREQUESTS", error.message, { "Retry-After": String(retryAfterSeconds) });
      }
      return failure(isKind(error, "forbidden") ? 403 : 401, "UNAUTHORIZED", error.message, {
        "WWW-Authenticate": `Basic realm="${this.issuer.service}"`,
      });
    }
  }

  async #get(query: URLSearchParams, origin: RequestOrigin): Promise<Response> {
    const user = await this.#basicUser(origin);
    const wantsIdentity = query.get("offline_token") === "true" && user !== "";
    return await this.#tokens(user, query.getAll("scope"), query.get("service"), wantsIdentity);
  }

  async #post(request: Request, origin: RequestOrigin): Promise<Response> {
    const form = await readForm(request);
    if (form === undefined) return oauthFailure("invalid_request", "send the form of an OAuth2 token request");
    const user = await this.#grantUser(form, origin);
    if (user === undefined) {
      return oauthFailure("unsupported_grant_type", "grant_type is one of password, refresh_token");
    }
    const wantsIdentity = form.get("access_type") === "offline" || form.get("grant_type") === "refresh_token";
    return await this.#tokens(
      user,
      form.getAll("scope"),
      form.get("service"),
      wantsIdentity,
      form.get("refresh_token"),
    );
  }

  async #basicUser(origin: RequestOrigin): Promise<string> {
    const login = parseBasic(origin.authorization);
    if (login === undefined) return "";
    if (login.user === TOKEN_USER || login.user === "") return await this.#identityUser(login.password);
    if (await this.login.check(login, origin.remoteAddress)) return login.user;
    throw new AccessRefused("unauthorized", "incorrect username or password");
  }

  async #grantUser(form: URLSearchParams, origin: RequestOrigin): Promise<string | undefined> {
    const kind = form.get("grant_type");
    if (kind === "refresh_token") return await this.#identityUser(form.get("refresh_token") ?? "");
    if (kind !== "password") return undefined;
    const login = { user: form.get("username") ?? "", password: form.get("password") ?? "" };
    if (await this.login.check(login, origin.remoteAddress)) return login.user;
    throw new AccessRefused("unauthorized", "incorrect username or password");
  }

  async #identityUser(token: string): Promise<string> {
    const user = await this.issuer.userOfIdentity(token);
    if (user !== undefined) return user;
    throw new AccessRefused("unauthorized", "the identity token is not valid any more: log in again");
  }

  async #tokens(
    user: string,
    scopes: readonly string[],
    askedService: string | null,
    wantsIdentity: boolean,
    identity: string | null = null,
  ): Promise<Response> {
    const service = askedService || this.issuer.service;
    if (service !== this.issuer.service && !this.otherServices.includes(service)) {
      return failure(
        400,
        "UNSUPPORTED",
        `this token service does not speak for the service ${JSON.stringify(service)}`,
      );
    }
    const issued = await this.issuer.issue(user, parseScopes(scopes), service);
    const body: Record<string, unknown> = {
      token: issued.token,
      access_token: issued.token,
      expires_in: issued.seconds,
      issued_at: issued.issuedAt.toISOString(),
      scope: issued.access.map(scopeText).join(" "),
    };
    if (wantsIdentity) body.refresh_token = identity ?? (await this.issuer.issueIdentity(user));
    return Response.json(body, { headers: { "Cache-Control": "no-store" } });
  }
}

async function readForm(request: Request): Promise<URLSearchParams | undefined> {
  if (!request.headers.get("content-type")?.startsWith("application/x-www-form-urlencoded")) return undefined;
  if (Number(request.headers.get("content-length") ?? 0) > MAX_FORM_BYTES) return undefined;
  const text = await request.text();
  return text.length > MAX_FORM_BYTES ? undefined : new URLSearchParams(text);
}

function failure(status: number, code: string, message: string, headers: Record<string, string> = {}): Response {
  // Clients of both worlds read this: "errors" is the registry's form, "details" what docker login shows.
  return Response.json({ errors: [{ code, message }], details: message }, { status, headers });
}

function oauthFailure(error: string, description: string): Response {
  return Response.json({ error, error_description: description }, { status: 400 });
}
