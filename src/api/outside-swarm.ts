/**
 * The swarm's endpoints on a machine outside any swarm. Docker reads such a request as usual and then answers 503; so does
 * naru, word for word (test/e2e/recorded/outside-swarm.json holds docker 28.5's replies). docs/decisions/0007.
 */
import { NaruError } from "../lib/errors.ts";
import { badRequest } from "./errors.ts";
import { struct } from "./go-shape.ts";
import { readJsonBody } from "./request-body.ts";
import type { Call } from "./router.ts";

export const NO_SWARM =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm ' +
  "and try again.";

interface Reading {
  /** Go's name of the body's type. */
  body?: string;
  /** Whose `version` must be a number. */
  version?: "swarm" | "node" | "service" | "secret" | "config";
  filters?: true;
  /** Parameters that must be a Go boolean; `bare` ones are refused without Go's reason. */
  booleans?: string[];
  bareBooleans?: string[];
  /** Logs of which no stream is asked are refused. */
  streams?: true;
}

/** What Docker reads of a request before it finds that there is no swarm; by operation. */
const READINGS: Readonly<Record<string, Reading>> = {
  SwarmUpdate: {
    body: "swarm.Spec",
    version: "swarm",
    bareBooleans: ["rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"],
  },
  SwarmUnlock: { body: "swarm.UnlockRequest" },
  NodeList: { filters: true },
  NodeUpdate: { body: "swarm.NodeSpec", version: "node" },
  ServiceList: { filters: true, booleans: ["status"] },
  ServiceInspect: { booleans: ["insertDefaults"] },
  ServiceCreate: { body: "swarm.ServiceSpec" },
  ServiceUpdate: { body: "swarm.ServiceSpec", version: "service" },
  ServiceLogs: { streams: true },
  TaskList: { filters: true },
  TaskLogs: { streams: true },
  SecretList: { filters: true },
  SecretCreate: { body: "swarm.SecretSpec" },
  SecretUpdate: { body: "swarm.SecretSpec", version: "secret" },
  ConfigList: { filters: true },
  ConfigCreate: { body: "swarm.ConfigSpec" },
  ConfigUpdate: { body: "swarm.ConfigSpec", version: "config" },
};

/** @throws always: invalid or internal for a request that Docker would not read further, else unavailable. */
export async function refuseOutsideSwarm(operation: string, { exchange, query }: Call): Promise<never> {
  if (operation === "SwarmLeave") throw new NaruError("unavailable", "This node is not part of a swarm");
  if (operation === "VolumeUpdate") {
    throw new NaruError("unavailable", "volume update only valid for cluster volumes, but swarm is unavailable");
  }
  const reading = READINGS[operation] ?? {};
  if (reading.body !== undefined) await readJsonBody(exchange, struct(reading.body, {}));
  if (reading.version !== undefined) checkVersion(reading.version, query.text("version"));
  if (reading.filters) query.filters();
  for (const name of reading.booleans ?? []) query.goBool(name);
  for (const name of reading.bareBooleans ?? []) query.goBool(name, { isBare: true });
  if (reading.streams && !query.bool("stdout") && !query.bool("stderr")) {
    throw new NaruError("internal", "Bad parameters: you must choose at least one stream");
  }
  throw new NaruError("unavailable", NO_SWARM);
}

function checkVersion(of: NonNullable<Reading["version"]>, text: string): void {
  if (/^\d{1,19}$/.test(text)) return;
  if (of === "secret" || of === "config") throw badRequest(`invalid ${of} version`);
  throw badRequest(
    `invalid ${of} version '${text}': strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
