/** Keeps the default flow schemas and priority levels there and as they should be, and tells each schema whether its level exists. */

import type { FlowSchema } from "../../model/kubernetes/flowcontrol.ts";
import { FLOW_SCHEMAS, PRIORITY_LEVEL_CONFIGURATIONS } from "../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { findCondition, withLatestCondition } from "../controllers/status-conditions.ts";
import { timestamp } from "../machinery/core.ts";
import { isStatus } from "../status.ts";
import { AUTO_UPDATE, DEFAULT_FLOW_SCHEMAS, DEFAULT_PRIORITY_LEVELS, isMandatory } from "./flow-control-defaults.ts";

type Configured = KubeObject & { spec?: object };

/** Makes the default objects that are missing; those that follow the defaults are brought up to date. */
export async function ensureFlowControl(client: ClusterClient): Promise<void> {
  const ensureAll = <T extends Configured>(type: ResourceType<T>, defaults: readonly T[]) =>
    Promise.all(defaults.map((one) => ensure(client, type, one)));
  await ensureAll(PRIORITY_LEVEL_CONFIGURATIONS, DEFAULT_PRIORITY_LEVELS);
  await ensureAll(FLOW_SCHEMAS, DEFAULT_FLOW_SCHEMAS);
}

/** The keeper of the kinds' objects, as a part of the cluster. */
export function flowControlPart(tools: ControllerTools): ClusterPart {
  return controlLoop("api-priority-and-fairness-config-consumer-v1", tools, ({ client, now }) => {
    const schemas = client.informer(FLOW_SCHEMAS);
    const levels = client.informer(PRIORITY_LEVEL_CONFIGURATIONS);
    return {
      name: "flow-control",
      workers: 1,
      informers: [schemas, levels],
      watch: (enqueue) => {
        const enqueueAll = () => {
          for (const schema of schemas.list()) enqueue(schema);
        };
        // A level's name is looked at with a mark before it, so that it is not taken for a schema's.
        const level = ({ metadata }: KubeObject) => enqueue({ metadata: { namespace: "level", name: metadata.name } });
        const levelChanged = (one: KubeObject) => {
          level(one);
          enqueueAll();
        };
        return [
          schemas.subscribe({ added: enqueue, updated: (_, schema) => enqueue(schema), deleted: enqueue }),
          levels.subscribe({ added: levelChanged, updated: (_, one) => level(one), deleted: levelChanged }),
        ];
      },
      async sync({ namespace, name }) {
        const isLevel = namespace === "level";
        if (isLevel) await ensureNamed(client, PRIORITY_LEVEL_CONFIGURATIONS, DEFAULT_PRIORITY_LEVELS, name);
        else await ensureNamed(client, FLOW_SCHEMAS, DEFAULT_FLOW_SCHEMAS, name);
        const schema = isLevel ? undefined : schemas.get(undefined, name);
        if (schema !== undefined) await tellDangling(client, schema, now());
        return undefined;
      },
    };
  });
}

async function ensureNamed<T extends Configured>(
  client: ClusterClient,
  type: ResourceType<T>,
  defaults: readonly T[],
  name: string,
): Promise<void> {
  const found = defaults.find(({ metadata }) => metadata.name === name);
  if (found !== undefined) await ensure(client, type, found);
}

async function ensure<T extends Configured>(client: ClusterClient, type: ResourceType<T>, wanted: T): Promise<void> {
  const before: Stored<T> | undefined = client.informer(type).get(undefined, wanted.metadata.name ?? "");
  try {
    if (before === undefined) await client.resource(type).create(undefined, wanted);
    else if (follows(before) && !Bun.deepEquals(withoutExempt(before), withoutExempt(wanted))) {
      const { exempt } = { exempt: undefined, ...before.spec };
      const spec = { ...wanted.spec, ...(exempt === undefined ? {} : { exempt }) };
      await client.resource(type).update({ ...structuredClone(before), spec });
    }
  } catch (error) {
    if (!isStatus(error, "AlreadyExists", "Conflict")) throw error;
  }
}

/** What an exempt level lends is its administrator's. */
function withoutExempt({ spec }: Configured): object {
  return { ...spec, exempt: undefined };
}

/** An object that nobody has changed follows the defaults also when its annotation is gone. */
function follows({ metadata }: Stored<Configured>): boolean {
  const wish = metadata.annotations?.[AUTO_UPDATE];
  return isMandatory(metadata.name) || wish === "true" || (wish === undefined && metadata.generation === 1);
}

async function tellDangling(client: ClusterClient, schema: Stored<FlowSchema>, now: number): Promise<void> {
  const level = schema.spec?.priorityLevelConfiguration.name ?? "";
  const isThere = client.informer(PRIORITY_LEVEL_CONFIGURATIONS).get(undefined, level) !== undefined;
  const which = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  const condition = {
    type: "Dangling",
    status: isThere ? "False" : "True",
    reason: isThere ? "Found" : "NotFound",
    message: isThere ? `${which} and it exists` : `${which} but there is no such object`,
    lastTransitionTime: timestamp(now),
  };
  const conditions = schema.status?.conditions as (typeof condition)[] | undefined;
  const known = findCondition(conditions, condition.type);
  // What else it says is whoever's who wrote it.
  if (known?.status === condition.status && known.message === condition.message) return;
  const status = { conditions: withLatestCondition(conditions, condition) };
  await client.resource(FLOW_SCHEMAS).updateStatus({ ...structuredClone(schema), status });
}
