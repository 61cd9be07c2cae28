/** Registries as a command talks to them itself, with the user's login, as docker's `manifest` does. */
import type { RemoteRepository } from "../distribution/contract.ts";
import { createRegistryClient } from "../distribution/registry-client.ts";
import { parseReference, type Reference } from "../lib/image-reference.ts";
import { NARU_VERSION } from "../lib/version.ts";
import type { CommandContext } from "./command.ts";
import { parseReference as parseCliReference } from "./reference.ts";
import { registryAuthHeader } from "./registry-auth.ts";

const CERTIFICATE_DIRS = ["/etc/naru/certs.d", "/etc/docker/certs.d"];

/** An image in its registry. */
export interface RemoteImage {
  repository: RemoteRepository;
  reference: Reference;
  /** What to ask the registry for: the digest or the tag ("latest" when none was given). */
  target: string;
}

/** `isInsecure`: the registry may speak plain HTTP or show an unknown certificate. */
export async function openRemoteImage(
  context: CommandContext,
  image: string,
  options: { actions: "pull" | "pull,push"; isInsecure: boolean },
): Promise<RemoteImage> {
  const reference = parseReference(image);
  const { domain, path, tag, digest } = reference;
  const client = createRegistryClient({
    settings: () => ({
      mirrors: [],
      insecureRegistries: options.isInsecure ? [domain] : [],
      certificateDirs: [`${context.configDir}/certs.d`, ...CERTIFICATE_DIRS],
    }),
    userAgent: `naru/${NARU_VERSION}`,
  });
  const header = (await registryAuthHeader(await context.config(), parseCliReference(image)))["X-Registry-Auth"];
  const login = header === undefined ? undefined : JSON.parse(Buffer.from(header, "base64url").toString());
  const credentials = login && {
    username: login.username,
    password: login.password,
    identityToken: login.identitytoken,
    serverAddress: login.serveraddress,
  };
  const repository = client.repository({ domain, path }, { credentials, actions: options.actions });
  return { repository, reference, target: digest ?? tag ?? "latest" };
}
