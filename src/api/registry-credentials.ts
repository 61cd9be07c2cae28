/** The login that a client sends along in X-Registry-Auth: JSON in base64url. */
import type { RegistryCredentials } from "../distribution/contract.ts";
import type { Exchange } from "./exchange.ts";

/** Body of POST /auth, and what the header holds. */
export interface AuthConfig {
  username?: string;
  password?: string;
  /** Base64 of "username:password", as configuration files keep it. */
  auth?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** What the request's header holds; undefined without one. As in Docker, one that cannot be read counts as none. */
export function registryCredentials({ request }: Exchange): RegistryCredentials | undefined {
  const header = request.headers["x-registry-auth"];
  if (typeof header !== "string" || header === "") return undefined;
  try {
    return credentialsOf(JSON.parse(Buffer.from(header, "base64url").toString("utf8")));
  } catch {
    return undefined;
  }
}

export function credentialsOf(config: AuthConfig): RegistryCredentials {
  const [name = "", ...secret] = Buffer.from(config.auth ?? "", "base64")
    .toString()
    .split(":");
  return {
    username: config.username || name || undefined,
    password: config.password || secret.join(":").replace(/\0+$/, "") || undefined,
    identityToken: config.identitytoken || undefined,
    registryToken: config.registrytoken || undefined,
    serverAddress: config.serveraddress || undefined,
  };
}
