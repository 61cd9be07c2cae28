/**
 * One registry host as it is reached: which scheme it speaks, what it asks for, how a request is authorized, and where its
 * redirects lead. Knows nothing of retries.
 */
import { CHUNKS_HEADER } from "../lib/chunk-list.ts";
import { NaruError } from "../lib/errors.ts";
import { type AuthChallenge, parseChallenges } from "./auth-challenge.ts";
import { type BearerTokens, basicAuthorization, type GrantedToken, type TokenRequest } from "./bearer-tokens.ts";
import { type HostCertificates, readHostCertificates, systemAuthorities } from "./certificates.ts";
import { ConnectionError } from "./connection-error.ts";
import type { RegistryCredentials } from "./contract.ts";
import { type HttpReply, type HttpRequest, roundTrip, type TlsIdentity } from "./http-reply.ts";
import { RegistryError } from "./registry-error.ts";
import { tokenRequest } from "./token-scopes.ts";

export interface HostAddress {
  /** "registry-1.docker.io", "localhost:5000". */
  host: string;
  /** Tried in this order until one answers. */
  schemes: readonly ("https" | "http")[];
  /** Unknown certificates are accepted. */
  isInsecure: boolean;
  /** In front of "/v2/", without a slash at its end. */
  basePath: string;
}

/** Who asks, and for what. */
export interface Access {
  credentials?: RegistryCredentials;
  scopes: readonly string[];
}

export type HostRequest = Pick<HttpRequest, "method" | "headers" | "body" | "signal">;

interface HostParts {
  tokens: BearerTokens;
  certificateDirs: readonly string[];
  userAgent: string;
  idleTimeoutMs: number;
}

const MAX_REDIRECTS = 10;
const CERTIFICATES_LIFE_MS = 2000;
const REST_MS = 30_000;
/** Docker's limit for the first answer of a registry. */
const GREETING_TIMEOUT_MS = 15_000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export class RegistryHost {
  /** It said so in an answer: a registry of naru's, of which changed chunks can be had. */
  knowsChunks = false;
  private greeting: Promise<{ scheme: "https" | "http"; challenges: AuthChallenge[] }> | undefined;
  /** Read again now and then: new ones are put there without a word to the daemon. */
  private certificates: { read: Promise<HostCertificates>; readAt: number } | undefined;
  private restsUntil = 0;
  /** Newer than the greeting's: what the registry asked for when it refused a request. */
  private challenges: AuthChallenge[] | undefined;

  constructor(
    readonly address: HostAddress,
    private readonly parts: HostParts,
  ) {}

  /**
   * Sends a request to "/v2/…" (or an address that the registry gave) with what it takes to be let in, following
   * redirects. Any status comes back. Without `access` the request goes as it is.
   * @throws {ConnectionError}; {RegistryError} unauthorized when no credentials are there or the token server refuses
   */
  async send(path: string | URL, access: Access | undefined, request: HostRequest): Promise<HttpReply> {
    const url = typeof path === "string" ? await this.locate(path, request.signal) : path;
    if (access === undefined) return this.follow(url, request);
    const greeting = await this.greet(request.signal);
    const challenges = this.challenges ?? greeting.challenges;
    const reply = await this.sendAuthorized(url, access, request, challenges);
    // What another host asks for, to which this one pointed, is not answered with this one's login.
    if (reply.status !== 401 || !(await this.isOwn(reply.url, request.signal))) return reply;
    const asked = parseChallenges(reply.headers.get("www-authenticate"));
    if (!this.canAnswerBetter(asked, access, challenges)) {
      if (!asks(asked, "basic") || asks(asked, "bearer") || hasLogin(access)) return reply;
      await reply.discard();
      throw refusedBefore(request.method, url, "no basic auth credentials");
    }
    await reply.discard();
    // What one repository needs is nothing to ask for with the others.
    this.challenges = asked.map(({ scheme, parameters: { scope: _scope, error: _error, ...parameters } }) => ({
      scheme,
      parameters,
    }));
    return this.sendAuthorized(url, access, request, asked);
  }

  /** True for a while after the host could not be reached: where another one will do, it is not waited for again. */
  get isResting(): boolean {
    return Date.now() < this.restsUntil;
  }

  /** The address of "/v2/…" here. */
  async locate(path: string, signal?: AbortSignal): Promise<URL> {
    const { schemes } = this.address;
    const scheme = schemes.length === 1 ? schemes[0]! : (await this.greet(signal)).scheme;
    return this.urlOf(scheme, path);
  }

  /** Asks for a token as `login` does. undefined: the registry does not use tokens. */
  async logIn(
    credentials: RegistryCredentials,
    signal?: AbortSignal,
  ): Promise<{ granted?: GrantedToken; reply: HttpReply }> {
    const { scheme, challenges } = await this.greet(signal);
    const url = this.urlOf(scheme, "/v2/");
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
    let granted: GrantedToken | undefined;
    let headers: Record<string, string> = {};
    if (bearer) {
      const wanted = { ...tokenRequest(bearer, { credentials, scopes: [] }), isLogin: true, signal };
      granted = await this.token(wanted, url, "GET");
      headers = { Authorization: `Bearer ${granted.token}` };
    } else if (challenges.some((challenge) => challenge.scheme === "basic")) {
      headers = { Authorization: basicAuthorization(credentials) };
    }
    return { granted, reply: await this.follow(url, { method: "GET", headers, signal }) };
  }

  /** True when a second try shows something else than the first did: a fresh token, or an answer to another challenge. */
  private canAnswerBetter(asked: AuthChallenge[], access: Access, before: AuthChallenge[]): boolean {
    const bearer = asked.find(({ scheme }) => scheme === "bearer");
    if (access.credentials?.registryToken) return false;
    if (bearer === undefined) return asks(asked, "basic") && hasLogin(access) && !asks(before, "basic");
    this.parts.tokens.forget(tokenRequest(bearer, access));
    return bearer.parameters.error !== "insufficient_scope" || !asks(before, "bearer");
  }

  private async sendAuthorized(
    url: URL,
    access: Access,
    request: HostRequest,
    challenges: AuthChallenge[],
  ): Promise<HttpReply> {
    const authorization = await this.authorization(url, access, request, challenges);
    const headers = { ...request.headers, ...(authorization !== undefined && { Authorization: authorization }) };
    return this.follow(url, { ...request, headers });
  }

  private async authorization(
    url: URL,
    access: Access,
    { method, signal }: HostRequest,
    challenges: AuthChallenge[],
  ): Promise<string | undefined> {
    const { credentials } = access;
    if (!(await this.isOwn(url, signal))) return undefined;
    if (credentials?.registryToken) return `Bearer ${credentials.registryToken}`;
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) return `Bearer ${(await this.token({ ...tokenRequest(bearer, access), signal }, url, method)).token}`;
    // Without a login the registry may still give what is for everybody.
    if (!asks(challenges, "basic") || !hasLogin(access)) return undefined;
    return basicAuthorization(credentials!);
  }

  private async token(wanted: TokenRequest, url: URL, method: string): Promise<GrantedToken> {
    try {
      return await this.parts.tokens.get(wanted, async (realm, request) => {
        // A password must not travel in the clear because of what a registry behind TLS asks for.
        if (realm.protocol === "http:" && url.protocol === "https:" && !this.address.isInsecure && wanted.credentials) {
          throw new NaruError(
            "invalid",
            `the token server ${realm.origin} of ${url.host} has no TLS: no login is sent to it`,
          );
        }
        return this.follow(realm, request);
      });
    } catch (error) {
      // Docker names the request that was to be authorized.
      if (error instanceof RegistryError) throw refusedBefore(method, url, error.message);
      throw error;
    }
  }

  /** Credentials go to this host only, wherever the registry points to. */
  private async isOwn(url: URL, signal?: AbortSignal): Promise<boolean> {
    return url.origin === (await this.locate("/", signal)).origin;
  }

  private async follow(start: URL, request: HostRequest, idleTimeoutMs = this.parts.idleTimeoutMs): Promise<HttpReply> {
    let url = start;
    let headers = request.headers;
    for (let redirects = 0; ; redirects++) {
      const reply = await this.trip(url, { ...request, headers }, idleTimeoutMs);
      const location = reply.headers.get("location");
      if (!REDIRECTS.has(reply.status) || location === null) return reply;
      await reply.discard();
      const next = URL.parse(location, url.href);
      if (redirects >= MAX_REDIRECTS || next === null || !/^https?:$/.test(next.protocol)) {
        const isAddress = next !== null && /^https?:$/.test(next.protocol);
        const words = isAddress
          ? `stopped after ${MAX_REDIRECTS} redirects`
          : `a redirect to ${JSON.stringify(location)}`;
        throw new RegistryError("unavailable", `${verb(request.method)} "${start.href}": ${words}`, "", reply.status);
      }
      if (next.origin !== url.origin && headers !== undefined) headers = withoutAuthorization(headers);
      url = next;
    }
  }

  private async trip(url: URL, request: HostRequest, idleTimeoutMs: number): Promise<HttpReply> {
    const { userAgent } = this.parts;
    const tls = url.protocol === "https:" ? await this.identityFor(url) : undefined;
    const reply = await roundTrip(url, { ...request, tls, userAgent, idleTimeoutMs });
    if (url.host === this.address.host) this.knowsChunks = reply.headers.has(CHUNKS_HEADER);
    return reply;
  }

  private async identityFor(url: URL): Promise<TlsIdentity> {
    if (this.certificates === undefined || this.certificates.readAt + CERTIFICATES_LIFE_MS < Date.now()) {
      const read = readHostCertificates(this.parts.certificateDirs, this.address.host);
      this.certificates = { read, readAt: Date.now() };
    }
    const { authorities, client } = await this.certificates.read;
    const isOwnName = url.hostname === new URL(`https://${this.address.host}`).hostname;
    return {
      ca: [...systemAuthorities(), ...authorities],
      rejectUnauthorized: !this.address.isInsecure,
      ...(isOwnName ? client : undefined),
    };
  }

  /** GET /v2/ tells the scheme and what the registry asks for; once, for all who wait. */
  private greet(signal?: AbortSignal): NonNullable<typeof this.greeting> {
    signal?.throwIfAborted();
    const greeting = this.greeting ?? this.askGreeting();
    this.greeting = greeting;
    greeting.catch((error: unknown) => {
      if (this.greeting === greeting) this.greeting = undefined;
      if (error instanceof ConnectionError) this.restsUntil = Date.now() + REST_MS;
    });
    if (signal === undefined) return greeting;
    // Others may wait for the same answer, so an abort ends the waiting only.
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      greeting.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  private async askGreeting() {
    const { schemes } = this.address;
    let first: unknown;
    for (const [index, scheme] of schemes.entries()) {
      try {
        const timeoutMs = Math.min(GREETING_TIMEOUT_MS, this.parts.idleTimeoutMs);
        const reply = await this.follow(this.urlOf(scheme, "/v2/"), { method: "GET" }, timeoutMs);
        await reply.discard();
        // How servers with TLS answer plain requests: what went wrong with TLS is the thing to tell.
        if (reply.status === 400 && first !== undefined) throw first;
        return { scheme, challenges: parseChallenges(reply.headers.get("www-authenticate")) };
      } catch (error) {
        first ??= error;
        const mayGoOn = error instanceof ConnectionError && error.mayBePlain && index + 1 < schemes.length;
        if (!mayGoOn) throw error;
      }
    }
    throw new NaruError("internal", `no scheme to reach ${this.address.host} by`);
  }

  private urlOf(scheme: string, path: string): URL {
    return new URL(`${scheme}://${this.address.host}${this.address.basePath}${path}`);
  }
}

function asks(challenges: readonly AuthChallenge[], scheme: string): boolean {
  return challenges.some((challenge) => challenge.scheme === scheme);
}

function hasLogin({ credentials }: Access): boolean {
  return credentials?.username !== undefined && credentials.username !== "";
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}

function refusedBefore(method: string, url: URL, words: string): RegistryError {
  return new RegistryError("unauthorized", `${verb(method)} "${url.href}": ${words}`, "", 401, undefined, true);
}

function verb(method: string): string {
  return method.charAt(0) + method.slice(1).toLowerCase();
}
