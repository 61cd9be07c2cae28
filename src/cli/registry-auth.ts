import type { ConfigFile } from "./config-file.ts";
import type { ImageReference } from "./reference.ts";

const HUB_KEY = "https://index.docker.io/v1/";

/** The header with the login that the configuration file keeps for an image's registry; none without a login. */
export function registryAuthHeader(config: ConfigFile, { familiarName }: ImageReference): Record<string, string> {
  const first = familiarName.split("/")[0]!;
  const isOther = familiarName.includes("/") && (/[.:]/.test(first) || first === "localhost");
  const key = isOther ? first : HUB_KEY;
  const entry = config.auths?.[key];
  if (!entry) return {};
  const [username = "", ...password] = Buffer.from(entry.auth ?? "", "base64")
    .toString()
    .split(":");
  const login = {
    username: entry.username ?? username,
    password: entry.password ?? password.join(":").replace(/\0+$/, ""),
    serveraddress: key,
    ...(entry.identitytoken && { identitytoken: entry.identitytoken }),
  };
  return { "X-Registry-Auth": Buffer.from(JSON.stringify(login)).toString("base64url") };
}
