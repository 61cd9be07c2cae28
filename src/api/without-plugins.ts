/**
 * The plugins' endpoints on a machine without any: Docker's own answers, recorded in
 * test/e2e/recorded/outside-swarm.json. What would bring a plugin here is refused by the router. docs/decisions/0007.
 */
import { NaruError } from "../lib/errors.ts";
import { canonicalReference, familiarName, parseReference } from "../lib/image-reference.ts";
import { any, list, type Shape, text } from "./go-shape.ts";
import { readJsonBody } from "./request-body.ts";
import type { Call, Handlers } from "./router.ts";

/** What a plugin may do, as the client tells it; of no interest where no plugin is. */
const PRIVILEGES: Shape = { kind: "list", of: any, go: "types.PluginPrivileges" };
const LIST_FILTERS = ["enabled", "capability"];

export function pluginHandlers(): Handlers {
  return { PluginList: listPlugins };
}

/** What an operation on one plugin answers. @throws always */
export async function refuseWithoutPlugins(operation: string, call: Call): Promise<never> {
  if (operation === "PluginEnable") readTimeout(call);
  if (operation === "PluginSet") await readJsonBody(call.exchange, list(text));
  if (operation === "PluginUpgrade") return await refuseUpgrade(call);
  throw notFound(call.path.name ?? "");
}

/** @throws invalid for filters that Docker does not know */
function listPlugins({ exchange, query }: Call): void {
  for (const name of query.filters().keys()) {
    if (!LIST_FILTERS.includes(name)) throw new NaruError("invalid", `invalid filter '${name}'`);
  }
  exchange.json(200, []);
}

function readTimeout(call: Call): void {
  const timeout = call.query.text("timeout");
  if (timeout === "") throw new NaruError("internal", 'strconv.Atoi: parsing "": invalid syntax');
  call.query.int("timeout");
}

async function refuseUpgrade(call: Call): Promise<never> {
  await readJsonBody(call.exchange, PRIVILEGES);
  try {
    parseReference(call.query.text("remote"));
  } catch (cause) {
    // Docker sends this one as a fault of its own.
    throw new NaruError("internal", "invalid reference format", { cause });
  }
  throw notFound(familiarName(canonicalReference(parseReference(call.path.name ?? ""))));
}

function notFound(name: string): NaruError {
  return new NaruError("not-found", `plugin ${JSON.stringify(name)} not found`);
}
