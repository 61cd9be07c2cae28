/** Registries as a command talks to them itself, with the user's login, as docker's `manifest` does. */
import type { RemoteRepository } from "../distribution/contract.ts";
import { createRegistryClient } from "../distribution/registry-client.ts";
import { registryUserAgent } from "../distribution/user-agent.ts";
import { parseReference, type Reference } from "../lib/image-reference.ts";
import { NARU_VERSION } from "../lib/version.ts";
import type { CommandContext } from "./command.ts";
import { findLogin } from "./credential-store.ts";
import { parseReference as parseCliReference } from "./reference.ts";
import { serverOf } from "./registry-auth.ts";

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
  options: { actions: "pull" | "pull,push"; isInsecure: boolean; mountFrom?: readonly string[] },
): Promise<RemoteImage> {
  const reference = parseReference(image);
  const { domain, path, tag, digest } = reference;
  const client = createRegistryClient({
    settings: () => ({
      mirrors: [],
      insecureRegistries: options.isInsecure ? [domain] : [],
      certificateDirs: [`${context.configDir}/certs.d`, ...CERTIFICATE_DIRS],
    }),
    userAgent: registryUserAgent(NARU_VERSION),
  });
  const server = serverOf(parseCliReference(image).familiarName);
  const credentials = await findLogin(await context.config(), server);
  const repository = client.repository(
    { domain, path },
    { credentials, actions: options.actions, mountFrom: options.mountFrom },
  );
  return { repository, reference, target: digest ?? tag ?? "latest" };
}
