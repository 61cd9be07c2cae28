import type { ConfigFile } from "./config-file.ts";
import { allLogins, findLogin, HUB_KEY, type Login } from "./credential-store.ts";
import type { ImageReference } from "./reference.ts";

/** The header with this user's login for an image's registry; none without a login. @throws {HelperError} */
export async function registryAuthHeader(
  config: ConfigFile,
  { familiarName }: Pick<ImageReference, "familiarName">,
): Promise<Record<string, string>> {
  const server = serverOf(familiarName);
  const login = await findLogin(config, server);
  return login === undefined ? {} : { "X-Registry-Auth": encode(authConfig(login, server)) };
}

/** The header with all of this user's logins, for a build, whose base images come from anywhere. @throws {HelperError} */
export async function registryConfigHeader(config: ConfigFile): Promise<Record<string, string>> {
  const logins = Object.entries(await allLogins(config));
  if (logins.length === 0) return {};
  const all = Object.fromEntries(logins.map(([server, login]) => [server, authConfig(login, server)]));
  return { "X-Registry-Config": encode(all) };
}

/** The server whose login is for a familiar name: its host, or Docker Hub's key. */
export function serverOf(familiarName: string): string {
  const first = familiarName.split("/")[0]!;
  const isOther = familiarName.includes("/") && (/[.:]/.test(first) || first === "localhost");
  return isOther && first !== "docker.io" ? first : HUB_KEY;
}

function authConfig({ username, password, identityToken }: Login, serveraddress: string) {
  return { username, password, serveraddress, ...(identityToken && { identitytoken: identityToken }) };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
