/** The cluster as a whole: start, stop, facts, and the file that clients of its own API need. */
import type { ClusterControl, ClusterSettings, SimulationSettings } from "../kube/cluster-control.ts";
import { badRequest } from "./errors.ts";
import { readJsonBody } from "./request-body.ts";
import { clusterSettingsShape, simulationShape } from "./request-shapes.ts";
import type { Handlers } from "./router.ts";

/** As `docker stop`. */
const DEFAULT_GRACE_SECONDS = 10;

export function clusterHandlers(cluster: ClusterControl): Handlers {
  return {
    NaruClusterFacts: ({ exchange }) => exchange.json(200, cluster.facts()),
    NaruClusterStart: async ({ exchange }) => {
      const settings = await readJsonBody<Partial<ClusterSettings>>(exchange, clusterSettingsShape);
      exchange.json(200, await cluster.start(given(settings ?? {})));
    },
    NaruClusterStop: async ({ exchange, query }) => {
      await cluster.stop(graceOf(query.text("t")));
      exchange.empty(204);
    },
    NaruClusterSimulate: async ({ exchange }) => {
      const settings = await readJsonBody<Partial<SimulationSettings>>(exchange, simulationShape);
      if (settings?.nodes === undefined) throw badRequest("say how many nodes there shall be: nodes");
      exchange.json(200, await cluster.simulate({ ...settings, nodes: settings.nodes }));
    },
    NaruClusterKubeconfig: ({ exchange }) =>
      exchange.text(200, cluster.kubeconfig(), { "Content-Type": "application/yaml" }),
  };
}

/** @throws invalid */
function graceOf(text: string): number {
  if (text === "") return DEFAULT_GRACE_SECONDS;
  if (!/^\d{1,6}$/.test(text)) throw badRequest(`t="${text}" is no number of seconds`);
  return Number(text);
}

/** What was not said stays as it was. */
function given(settings: Partial<ClusterSettings>): ClusterSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined && value !== ""));
}
