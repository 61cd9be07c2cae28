/** Registries as a command talks to them itself, with the user's login, as docker's `manifest` does. */
import type { RegistryClient, RemoteRepository } from "../distribution/contract.ts";
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
  options: { actions: "pull" | "pull,push" | "pull,push,delete"; isInsecure: boolean; mountFrom?: readonly string[] },
): Promise<RemoteImage> {
  const reference = parseReference(image);
  const { domain, path, tag, digest } = reference;
  const server = serverOf(parseCliReference(image).familiarName);
  const credentials = await findLogin(await context.config(), server);
  const repository = openClient(context, options.isInsecure ? domain : undefined).repository(
    { domain, path },
    { credentials, actions: options.actions, mountFrom: options.mountFrom },
  );
  return { repository, reference, target: digest ?? tag ?? "latest" };
}

/** A registry itself, for questions outside its repositories. */
export interface RemoteRegistry {
  /** @returns the JSON of the answer. @throws {NaruError} as the registry refuses */
  ask(method: string, path: string, scopes: readonly string[]): Promise<unknown>;
}

/** `host`: HOST[:PORT]. */
export async function openRemoteRegistry(
  context: CommandContext,
  host: string,
  isInsecure: boolean,
): Promise<RemoteRegistry> {
  const credentials = await findLogin(await context.config(), host);
  const client = openClient(context, isInsecure ? host : undefined);
  return { ask: (method, path, scopes) => client.ask(host, { method, path, scopes, credentials }) };
}

/** Beside loopback, only `insecureHost` may do without TLS or a known certificate. */
export function openClient(context: CommandContext, insecureHost: string | undefined): RegistryClient {
  return createRegistryClient({
    settings: () => ({
      mirrors: [],
      insecureRegistries: insecureHost === undefined ? [] : [insecureHost],
      certificateDirs: [`${context.configDir}/certs.d`, ...CERTIFICATE_DIRS],
    }),
    userAgent: registryUserAgent(NARU_VERSION),
  });
}
