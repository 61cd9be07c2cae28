/** Answers of a machine without plugins and outside any swarm, where they are more than a refusal. */
import { NaruError } from "../lib/errors.ts";
import type { Handlers } from "./router.ts";

export function pluginAndSwarmHandlers(): Handlers {
  return {
    PluginList: ({ exchange }) => exchange.json(200, []),
    SwarmLeave: () => {
      throw new NaruError("unavailable", "This node is not part of a swarm");
    },
  };
}
