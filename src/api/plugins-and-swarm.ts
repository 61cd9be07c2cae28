/** Answers of a machine without plugins and outside any swarm, where they are more than a refusal. */
import { NaruError } from "../lib/errors.ts";
import type { Call, Handlers } from "./router.ts";

export function pluginAndSwarmHandlers(): Handlers {
  return {
    PluginList: ({ exchange }) => exchange.json(200, []),
    PluginInspect: noSuchPlugin,
    PluginEnable: noSuchPlugin,
    PluginDisable: noSuchPlugin,
    PluginUpgrade: noSuchPlugin,
    PluginPush: noSuchPlugin,
    PluginSet: noSuchPlugin,
    PluginDelete: noSuchPlugin,
    SwarmLeave: () => {
      throw new NaruError("unavailable", "This node is not part of a swarm");
    },
  };
}

/** There is none that could be named. */
function noSuchPlugin(call: Call): never {
  throw new NaruError("not-found", `plugin ${JSON.stringify(call.path.name)} not found`);
}
