/** Asks the servers behind APIServices what they serve, and says of each whether it can be reached. */

import { errorText } from "../../lib/errors.ts";
import type { APIService } from "../../model/kubernetes/apiregistration.ts";
import { API_SERVICES, ENDPOINT_SLICES, SERVICES } from "../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { boundedJson } from "../bounded-json.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { hasCondition, withLatestCondition } from "../controllers/status-conditions.ts";
import { sameJson } from "../machinery/copy.ts";
import { timestamp } from "../machinery/core.ts";
import { callRemote, type ProxyIdentity } from "./call-remote.ts";
import type { RemoteApis } from "./remote-apis.ts";
import { toldResources } from "./told-resources.ts";

/** As kube-apiserver looks again while all is well; what fails is looked at sooner. */
const AGAIN_MS = 30_000;
const AGAIN_AFTER_FAILURE_MS = 3_000;
const PATIENCE_MS = 5_000;
const ASKING = { name: "system:kube-aggregator", groups: ["system:masters"] };

interface Verdict {
  readonly isAvailable: boolean;
  readonly reason: string;
  readonly message: string;
}

export function availabilityController(
  tools: ControllerTools,
  remotes: RemoteApis,
  identity: ProxyIdentity,
): ClusterPart {
  return controlLoop("apiservice-availability-controller", tools, ({ client, now }) => {
    const apis = client.informer(API_SERVICES);
    const services = client.informer(SERVICES);
    const slices = client.informer(ENDPOINT_SLICES);
    return {
      name: "apiservice-availability",
      workers: 2,
      informers: [apis, services, slices],
      watch: (enqueue) => {
        const enqueueThose = (namespace: string | undefined, name: string | undefined) => {
          for (const api of remotes.all()) {
            const { service } = api.spec ?? {};
            if (service?.namespace === namespace && service?.name === name) enqueue(api);
          }
        };
        const service = ({ metadata }: KubeObject) => enqueueThose(metadata.namespace, metadata.name);
        const slice = ({ metadata }: KubeObject) =>
          enqueueThose(metadata.namespace, metadata.labels?.["kubernetes.io/service-name"]);
        return [
          apis.subscribe({ added: enqueue, updated: (before, api) => isNews(before, api) && enqueue(api) }),
          services.subscribe({ added: service, updated: (_, one) => service(one), deleted: service }),
          slices.subscribe({ added: slice, updated: (_, one) => slice(one), deleted: slice }),
        ];
      },
      async sync({ name }) {
        const api = apis.get(undefined, name);
        if (api === undefined) return undefined;
        const verdict = api.spec?.service === undefined ? LOCAL : await check(client, identity, remotes, api);
        const condition = {
          type: "Available",
          status: verdict.isAvailable ? "True" : "False",
          reason: verdict.reason,
          message: verdict.message,
          lastTransitionTime: timestamp(now()),
        };
        const conditions = withLatestCondition(api.status?.conditions, condition);
        if (!sameJson(conditions, api.status?.conditions ?? [])) {
          await client.resource(API_SERVICES).updateStatus({ ...structuredClone(api), status: { conditions } });
        }
        if (verdict === LOCAL) return undefined;
        return verdict.isAvailable ? AGAIN_MS : AGAIN_AFTER_FAILURE_MS;
      },
    };
  });
}

const LOCAL: Verdict = { isAvailable: true, reason: "Local", message: "Local APIServices are always available" };

/** Messages alone are no news: they may differ each time that is looked, and would be looked at without end. */
function isNews(before: Stored<APIService>, now: Stored<APIService>): boolean {
  const isAvailable = ({ status }: APIService) => hasCondition(status?.conditions, "Available");
  return !sameJson(before.spec, now.spec) || isAvailable(before) !== isAvailable(now);
}

async function check(
  client: ClusterClient,
  identity: ProxyIdentity,
  remotes: RemoteApis,
  api: Stored<APIService>,
): Promise<Verdict> {
  const missing = missingPart(client, api);
  if (missing !== undefined) return missing;
  const path = `/apis/${api.spec?.group}/${api.spec?.version}`;
  try {
    const answer = await callRemote(client, identity, api, {
      method: "GET",
      path,
      user: ASKING,
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const { statusCode = 0 } = answer;
    if (statusCode < 200 || statusCode > 299) {
      answer.destroy();
      throw new Error(`bad status from ${path}: ${statusCode}`);
    }
    remotes.learn(api.metadata.name, toldResources(await boundedJson(answer)));
    return { isAvailable: true, reason: "Passed", message: "all checks passed" };
  } catch (error) {
    const message = `failing or missing response from ${path}: ${errorText(error)}`;
    return { isAvailable: false, reason: "FailedDiscoveryCheck", message };
  }
}

/** What of the service is not there, in Kubernetes' words. */
function missingPart(client: ClusterClient, { spec }: APIService): Verdict | undefined {
  const { namespace = "", name = "", port = 443 } = spec?.service ?? {};
  const not = (reason: string, message: string): Verdict => ({ isAvailable: false, reason, message });
  const shown = JSON.stringify(`${namespace}/${name}`).slice(1, -1);
  const service = client.informer(SERVICES).get(namespace, name);
  if (service === undefined) {
    return not("ServiceNotFound", `service/${name} in ${JSON.stringify(namespace)} is not present`);
  }
  if (!service.spec?.ports?.some((one) => one.port === port)) {
    return not("ServicePortError", `service/${name} in ${JSON.stringify(namespace)} is not listening on port ${port}`);
  }
  const slices = client
    .informer(ENDPOINT_SLICES)
    .list(namespace)
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name);
  if (slices.length === 0) return not("EndpointsNotFound", `cannot find endpointslices for service ${shown}`);
  const isReady = slices.some(({ endpoints = [] }) =>
    endpoints.some(({ addresses, conditions }) => addresses.length > 0 && conditions?.ready !== false),
  );
  return isReady
    ? undefined
    : not("MissingEndpoints", `endpoints for service/${name} in ${JSON.stringify(namespace)} have no addresses`);
}
