/** Logins to registries from a pod's imagePullSecrets and those of its service account. */

import type { RegistryCredentials } from "../../distribution/contract.ts";
import { parseReference } from "../../lib/image-reference.ts";
import type { Pod, Secret } from "../../model/kubernetes/core.ts";
import { SECRETS, SERVICE_ACCOUNTS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";

const DOCKER_HUB = ["docker.io", "index.docker.io", "registry-1.docker.io"];

interface Login {
  username?: string;
  password?: string;
  auth?: string;
  identitytoken?: string;
}

/** Those that fit the image's registry, in the order of their secrets. Secrets that are missing count as none. */
export async function pullCredentials(
  client: ClusterClient,
  pod: Stored<Pod>,
  image: string,
): Promise<RegistryCredentials[]> {
  const own = pod.spec?.imagePullSecrets ?? [];
  const { namespace } = pod.metadata;
  const account = client.informer(SERVICE_ACCOUNTS).get(namespace, pod.spec?.serviceAccountName || "default");
  const references = own.length > 0 ? own : (account?.imagePullSecrets ?? []);
  if (references.length === 0) return [];
  const host = registryHost(image);
  const secrets = references.flatMap(({ name = "" }) => client.informer(SECRETS).get(namespace, name) ?? []);
  return secrets.flatMap((secret) =>
    loginsOf(secret).flatMap(([server, login]) => credentialsFor(server, login, host, image)),
  );
}

function registryHost(image: string): string {
  try {
    return parseReference(image).domain;
  } catch {
    return "";
  }
}

function loginsOf({ data = {} }: Secret): [string, Login][] {
  const decode = (name: string): Record<string, unknown> | undefined => {
    const text = data[name];
    if (text === undefined) return undefined;
    try {
      return JSON.parse(Buffer.from(text, "base64").toString()) as Record<string, unknown>;
    } catch {
      return undefined;
    }
  };
  const modern = decode(".dockerconfigjson") as { auths?: Record<string, Login> } | undefined;
  const old = decode(".dockercfg") as Record<string, Login> | undefined;
  return Object.entries(modern?.auths ?? old ?? {});
}

function credentialsFor(server: string, login: Login, host: string, image: string): RegistryCredentials[] {
  const address = server
    .replace(/^https?:\/\//, "")
    .replace(/\/v[12]\/?$/, "")
    .replace(/\/$/, "");
  const [serverHost = "", ...path] = address.split("/");
  const isHub = DOCKER_HUB.includes(serverHost) && DOCKER_HUB.includes(host);
  if (!isHub && !matchesHost(serverHost, host)) return [];
  if (path.length > 0 && !image.startsWith(`${address}/`)) return [];
  const [user, ...rest] = login.auth ? Buffer.from(login.auth, "base64").toString().split(":") : [];
  const username = login.username ?? user;
  const password = login.password ?? (rest.length > 0 ? rest.join(":") : undefined);
  return [
    {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(login.identitytoken ? { identityToken: login.identitytoken } : {}),
      serverAddress: host,
    },
  ];
}

/** "*.example.com" stands for one more part. */
function matchesHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  const [left, right] = [pattern.split("."), host.split(".")];
  return left.length === right.length && left.every((part, index) => part === "*" || part === right[index]);
}
