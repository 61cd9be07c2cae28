import type { RestartPolicy } from "../../model/container.ts";
import type { ServiceModel } from "../service-model.ts";

const NAMES: Readonly<Record<string, RestartPolicy["Name"]>> = { none: "no", any: "always" };

/** The engine's restart policy of a service: `deploy.restart_policy` comes before `restart`. */
export function restartPolicy({ restart, deploy }: ServiceModel): RestartPolicy | undefined {
  const own = deploy?.restart_policy;
  if (own) return policy(own.condition ?? "", own.max_attempts ?? 0);
  if (restart === undefined) return undefined;
  const [name = "", attempts = "0"] = restart.split(":");
  return policy(name, Number(attempts));
}

function policy(name: string, attempts: number): RestartPolicy {
  return { Name: NAMES[name] ?? (name as RestartPolicy["Name"]), MaximumRetryCount: attempts };
}
