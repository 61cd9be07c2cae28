/**
 * The logins of this user: in `config.json` itself, or with the helper that it names for all registries (credsStore) or
 * for one (credHelpers).
 */
import { type ConfigFile, readConfigFile } from "./config-file.ts";
import { updateConfigFile } from "./config-writer.ts";
import { CredentialHelper, TOKEN_USER } from "./credential-helper.ts";

/** The key of Docker Hub's login. */
export const HUB_KEY = "https://index.docker.io/v1/";

export interface Login {
  username: string;
  password: string;
  identityToken?: string;
}

type AuthEntry = NonNullable<ConfigFile["auths"]>[string];

/** The helper for a registry; undefined: its login stands in the file. */
function helperFor(config: ConfigFile, server: string): CredentialHelper | undefined {
  const name = config.credHelpers?.[server] ?? config.credsStore;
  return name ? new CredentialHelper(name) : undefined;
}

/** The login for a registry, by its host or HUB_KEY. @throws {HelperError} */
export async function findLogin(config: ConfigFile, server: string): Promise<Login | undefined> {
  const helper = helperFor(config, server);
  if (helper === undefined) return entryLogin(fileEntry(config, server));
  const found = await helper.find(server);
  if (found === undefined) return undefined;
  if (found.Username === TOKEN_USER) return { username: "", password: "", identityToken: found.Secret };
  return { username: found.Username, password: found.Secret };
}

/** Every login there is, by server, as a build sends them along. @throws {HelperError} */
export async function allLogins(config: ConfigFile): Promise<Record<string, Login>> {
  const servers = new Set(Object.keys(config.auths ?? {}));
  if (config.credsStore)
    for (const server of Object.keys(await new CredentialHelper(config.credsStore).list())) servers.add(server);
  for (const server of Object.keys(config.credHelpers ?? {})) servers.add(server);
  const logins: Record<string, Login> = {};
  for (const server of servers) {
    const login = await findLogin(config, server);
    if (login !== undefined) logins[server] = login;
  }
  return logins;
}

/**
 * Keeps a login. Resolves to true when it was written into the file, unencrypted, where none was before.
 * @throws {HelperError}
 */
export async function storeLogin(configDir: string, server: string, login: Login): Promise<boolean> {
  const config = await readConfigFile(configDir);
  const helper = helperFor(config, server);
  const { username, password, identityToken } = login;
  if (helper !== undefined) {
    const kept = identityToken
      ? { Username: TOKEN_USER, Secret: identityToken }
      : { Username: username, Secret: password };
    await helper.store({ ServerURL: server, ...kept });
    await writeEntries(configDir, { ...config.auths, [server]: {} });
    return false;
  }
  const isNew = entryLogin(config.auths?.[server]) === undefined;
  const auth = Buffer.from(`${username}:${identityToken ? "" : password}`).toString("base64");
  const entry = { auth, ...(identityToken && { identitytoken: identityToken }) };
  await writeEntries(configDir, { ...config.auths, [server]: entry });
  return isNew;
}

/** Forgets the login of a registry; all are names of the same one, the first is today's. @throws {HelperError} after the file was changed */
export async function eraseLogin(configDir: string, servers: readonly string[]): Promise<void> {
  const config = await readConfigFile(configDir);
  const kept = Object.entries(config.auths ?? {}).filter(([server]) => !servers.includes(server));
  await writeEntries(configDir, Object.fromEntries(kept));
  const helper = helperFor(config, servers[0] ?? "");
  for (const server of servers) await helper?.erase(server);
}

/** The host of a server's address: "https://example.com/v1/" is example.com. */
export function serverHost(address: string): string {
  return address.replace(/^https?:\/\//, "").split("/")[0]!;
}

async function writeEntries(configDir: string, entries: Record<string, AuthEntry>): Promise<void> {
  const sorted = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1));
  await updateConfigFile(configDir, { auths: Object.fromEntries(sorted) });
}

/** The very key, or one that older clients wrote as an address with a scheme. */
function fileEntry({ auths = {} }: ConfigFile, server: string): AuthEntry | undefined {
  if (Object.hasOwn(auths, server)) return auths[server];
  const key = Object.keys(auths).find((name) => serverHost(name) === server);
  return key === undefined ? undefined : auths[key];
}

/** An entry without any secret is what a helper's login leaves in the file. */
function entryLogin(entry: AuthEntry | undefined): Login | undefined {
  if (entry === undefined) return undefined;
  const [name = "", ...secret] = Buffer.from(entry.auth ?? "", "base64")
    .toString()
    .split(":");
  const username = entry.username || name;
  const password = entry.password || secret.join(":").replace(/\0+$/, "");
  if (!username && !password && !entry.identitytoken) return undefined;
  return { username, password, ...(entry.identitytoken && { identityToken: entry.identitytoken }) };
}
