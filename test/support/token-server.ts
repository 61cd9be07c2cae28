/** A token server as registries name it in WWW-Authenticate: it knows users and what each may do, and signs what it grants. */
import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

export interface TokenServer extends AsyncDisposable {
  realm: string;
  service: string;
  issuer: string;
  /** What was asked, in order. */
  requests: { method: string; query: URLSearchParams; form: URLSearchParams; authorization: string | null }[];
}

interface Claim {
  type: string;
  name: string;
  actions: string[];
}

/**
 * Anybody may pull from repositories under "public/"; users may do all. `refreshToken`: what a login gets as its identity
 * token, and what the OAuth2 form takes instead of a password. `expiresIn`: seconds.
 */
export function startTokenServer(options: {
  certPath: string;
  keyPath: string;
  users: Record<string, string>;
  refreshToken?: string;
  expiresIn?: number;
}): TokenServer {
  const key = createPrivateKey(readFileSync(options.keyPath));
  const x5c = [new X509Certificate(readFileSync(options.certPath)).raw.toString("base64")];
  const requests: TokenServer["requests"] = [];
  const issue = (user: string, scopes: string[]) => {
    const now = Math.floor(Date.now() / 1000);
    const access = scopes.flatMap((scope) => granted(user, scope));
    const claims = {
      iss: "test issuer",
      sub: user,
      aud: "test service",
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      access,
    };
    const encode = (value: unknown) => Buffer.from(JSON.stringify({ ...(value as object) })).toString("base64url");
    const text = `${encode({ typ: "JWT", alg: "ES256", x5c })}.${encode({ ...claims, jti: crypto.randomUUID() })}`;
    const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url");
    return `${text}.${signature}`;
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const query = new URL(request.url).searchParams;
      const form = new URLSearchParams(request.method === "POST" ? await request.text() : "");
      const authorization = request.headers.get("authorization");
      requests.push({ method: request.method, query, form, authorization });
      const refused = Response.json({ details: "incorrect username or password" }, { status: 401 });
      const answer = (user: string, scopes: string[], key: "token" | "access_token", more = {}) =>
        Response.json({ [key]: issue(user, scopes), expires_in: options.expiresIn ?? 300, ...more });
      if (request.method === "POST") {
        if (!options.refreshToken || form.get("refresh_token") !== options.refreshToken) return refused;
        return answer("token-user", (form.get("scope") ?? "").split(" ").filter(Boolean), "access_token");
      }
      const [user = "", password] = Buffer.from(authorization?.slice("Basic ".length) ?? "", "base64")
        .toString()
        .split(":");
      if (authorization !== null && (options.users[user] === undefined || options.users[user] !== password))
        return refused;
      const isLogin = query.get("offline_token") === "true";
      return answer(user, query.getAll("scope"), "token", isLogin ? { refresh_token: options.refreshToken } : {});
    },
  });
  return {
    realm: `http://127.0.0.1:${server.port}/token`,
    service: "test service",
    issuer: "test issuer",
    requests,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function granted(user: string, scope: string): Claim[] {
  const [type = "", ...rest] = scope.split(":");
  const actions = (rest.pop() ?? "").split(",");
  const name = rest.join(":");
  const mine = user !== "" ? actions : actions.filter((action) => action === "pull" && name.startsWith("public/"));
  return mine.length === 0 ? [] : [{ type, name, actions: mine }];
}
