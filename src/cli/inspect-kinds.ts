import { CliError } from "./cli-error.ts";
import { type ApiClient, ApiError } from "./client.ts";
import type { InspectedObject } from "./inspect.ts";
import { objectPath } from "./object-path.ts";

interface LookupOptions {
  /** Asks for a container's file sizes. */
  size?: boolean;
  /** Asks for one platform of an image. */
  platform?: string;
  /** Asks for a network's diagnostics. */
  verbose?: boolean;
}
type Lookup = (client: ApiClient, name: string, options: LookupOptions) => Promise<string>;

const HTTP_NOT_FOUND = 404;

const swarmObject =
  (folder: string, suffix = ""): Lookup =>
  (client, name) =>
    text(client, `/${folder}/${encodeURIComponent(name)}${suffix}`);

/** How each kind of object is looked up; the first four are tried in this order for a name of unknown kind. */
const LOOKUPS: Record<string, Lookup> = {
  container: (client, name, { size }) => text(client, `${objectPath("container", name)}/json`, { size }),
  image: (client, name, { platform }) => text(client, `${objectPath("image", name)}/json`, { platform }),
  network: (client, name, { verbose }) => text(client, objectPath("network", name), { verbose }),
  volume: (client, name) => text(client, objectPath("volume", name)),
  config: swarmObject("configs"),
  node: swarmObject("nodes"),
  plugin: swarmObject("plugins", "/json"),
  secret: swarmObject("secrets"),
  service: swarmObject("services"),
  task: swarmObject("tasks"),
};
const COMMON_KINDS = ["container", "image", "network", "volume"];

/** The object of that kind. Throws the daemon's error when there is none. */
export async function inspectKind(
  client: ApiClient,
  kind: string,
  name: string,
  options: LookupOptions = {},
): Promise<InspectedObject> {
  return { kind, json: await LOOKUPS[kind]!(client, name, options) };
}

/** The first object of any common kind that has this name or id. */
export async function inspectAnyKind(
  client: ApiClient,
  name: string,
  options: LookupOptions,
): Promise<InspectedObject> {
  for (const kind of COMMON_KINDS) {
    try {
      return await inspectKind(client, kind, name, options);
    } catch (error) {
      if (!(error instanceof ApiError && saysThereIsNone(error))) throw error;
    }
  }
  throw new CliError(`Error: No such object: ${name}`);
}

/** Images also have no such name when it could never be one, as that of a network `netA`. */
function saysThereIsNone({ status, reason }: ApiError): boolean {
  return status === HTTP_NOT_FOUND || reason.startsWith("invalid reference format");
}

/** Throws CliError unless `kind` is one that `inspect --type` knows. */
export function checkKind(kind: string): void {
  if (Object.hasOwn(LOOKUPS, kind)) return;
  const known = Object.keys(LOOKUPS)
    .sort()
    .map((each) => `"${each}"`)
    .join(", ");
  const complaint = kind === "" ? "type is empty" : `unknown type: "${kind}"`;
  throw new CliError(`${complaint}: must be one of ${known}`);
}

async function text(client: ApiClient, path: string, query?: Record<string, string | boolean | undefined>) {
  return (await client.send("GET", path, { query })).text();
}
