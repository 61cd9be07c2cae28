/** Checks a login, as POST /auth of the Engine API does. */
import { NaruError } from "../lib/errors.ts";
import type { RegistryCredentials } from "./contract.ts";
import type { RegistryHost } from "./registry-host.ts";

/** What `login` calls Docker Hub. */
const HUB_SERVER_ADDRESS = "https://index.docker.io/v1/";

/** @throws unauthorized in the registry's words; {ConnectionError} */
export async function checkCredentials(
  credentials: RegistryCredentials,
  hostOf: (domain: string) => RegistryHost,
  signal?: AbortSignal,
): Promise<{ Status: string; IdentityToken: string }> {
  const host = hostOf(registryDomain(credentials.serverAddress || HUB_SERVER_ADDRESS));
  const { granted, reply } = await host.logIn(credentials, signal);
  await reply.discard();
  if (reply.status !== 200) {
    const status = `${reply.status} ${reply.statusText}`;
    throw new NaruError(
      reply.status === 401 ? "unauthorized" : "unavailable",
      `login attempt to ${reply.url.href} failed with status: ${status}`,
    );
  }
  return { Status: "Login Succeeded", IdentityToken: granted?.identityToken ?? "" };
}

/** The registry that a server address means: "https://index.docker.io/v1/" is docker.io, "http://host:5000/v2/" is host:5000. */
export function registryDomain(serverAddress: string): string {
  const host = serverAddress.replace(/^https?:\/\//, "").split("/")[0]!;
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}
