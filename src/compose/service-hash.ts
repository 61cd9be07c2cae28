import type { Tree } from "./document.ts";
import { encodeShape } from "./encode.ts";
import { escapedJson, jsonText } from "./render.ts";

/**
 * The hash by which docker compose knows whether a service changed: SHA-256 of the service's JSON without what does not touch
 * a container (build, dependencies, profiles, pull policy, scale). Seen equal to docker compose 2.40's `config --hash`.
 */
export function serviceHash(service: Tree, name: string): string {
  const encoded = encodeShape(service, "service", `services.${name}`, "json");
  for (const key of ["build", "pull_policy", "scale", "depends_on", "profiles"]) encoded.delete(key);
  const deploy = encoded.get("deploy");
  if (deploy instanceof Map) deploy.delete("replicas");
  return new Bun.CryptoHasher("sha256").update(escapedJson(jsonText(encoded, undefined))).digest("hex");
}
