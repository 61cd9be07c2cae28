import type { ServiceToBuild } from "./service-build.ts";
import { dockerfileOf, serviceInContext } from "./service-build.ts";
import type { BuildWishes } from "./service-build-flags.ts";

/** What `build --print` prints: the builds as a file for `docker buildx bake`. */
export function bakeFile(services: ReadonlyMap<string, ServiceToBuild>, wishes: BuildWishes): string {
  const names = [...services.keys()].sort();
  const target = Object.fromEntries(names.map((name) => [name, targetOf(services.get(name)!, wishes)]));
  return `${JSON.stringify({ group: { default: { targets: names } }, target }, null, 2)}\n`.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function targetOf(service: ServiceToBuild, wishes: BuildWishes): Record<string, unknown> {
  const { build, image, secrets } = service;
  const filled = Object.entries({
    context: build.context,
    contexts: contextsOf(build.additional_contexts ?? {}),
    dockerfile: dockerfileOf(build),
    "dockerfile-inline": build.dockerfile_inline ?? "",
    args: argsOf(service, wishes),
    labels: sorted(build.labels ?? {}),
    tags: [...(build.tags ?? []), image],
    "cache-from": build.cache_from ?? [],
    "cache-to": build.cache_to ?? [],
    target: build.target ?? "",
    secret: secrets.map((secret) =>
      "file" in secret
        ? `id=${secret.id},type=file,src=${secret.file}`
        : `id=${secret.id},type=env,env=${secret.variable}`,
    ),
    ssh: [...(build.ssh ?? []), ...(wishes.ssh ? [wishes.ssh] : [])],
    platforms: build.platforms ?? [],
    pull: build.pull === true || wishes.pull === true,
    "no-cache": build.no_cache === true || wishes.noCache === true,
    network: build.network ?? "",
    "shm-size": build.shm_size ?? "",
    ulimits: Object.entries(build.ulimits ?? {}).map(([limit, value]) =>
      typeof value === "number" ? `${limit}=${value}` : `${limit}=${value.soft}:${value.hard}`,
    ),
    entitlements: [...(build.entitlements ?? []), ...(build.privileged ? ["security.insecure"] : [])],
    "extra-hosts": hostsOf(build.extra_hosts ?? []),
    output: [wishes.push ? "type=registry" : "type=docker"],
  });
  return Object.fromEntries(filled.filter(([, value]) => !isEmpty(value)));
}

function contextsOf(contexts: Record<string, string>): Record<string, string> {
  return sorted(
    Object.fromEntries(
      Object.entries(contexts).map(([name, context]) => {
        const service = serviceInContext(context);
        return [name, service === undefined ? context : `target:${service}`];
      }),
    ),
  );
}

/** What has no value yet takes it from the environment. */
function argsOf({ build }: ServiceToBuild, { buildArgs = [] }: BuildWishes): Record<string, string> {
  const args: Record<string, string> = {};
  for (const [name, given] of Object.entries(build.args ?? {})) {
    const value = given ?? process.env[name];
    if (value !== undefined) args[name] = value;
  }
  for (const text of buildArgs) {
    const equals = text.indexOf("=");
    const value = equals < 0 ? process.env[text] : text.slice(equals + 1);
    if (value !== undefined) args[equals < 0 ? text : text.slice(0, equals)] = value;
  }
  return sorted(args);
}

function hostsOf(lines: readonly string[]): Record<string, string> {
  return sorted(
    Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)])),
  );
}

function sorted(map: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === false;
}
