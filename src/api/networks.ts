/** Tag "Network". */
import type { NetworkService } from "../engine/contract.ts";
import type { EndpointSettings, NetworkCreateRequest } from "../model/network.ts";
import { badRequest } from "./errors.ts";
import { nullWhenEmpty } from "./replies.ts";
import { readJsonBody } from "./request-body.ts";
import { networkConnectShape, networkCreateShape, networkDisconnectShape } from "./request-shapes.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type NetworksBackend = NetworkService;

export function networkHandlers(networks: NetworksBackend): Handlers {
  return {
    NetworkList: async ({ exchange, query }) => exchange.json(200, await networks.list(query.filters())),
    NetworkInspect: (call) => inspect(networks, call),
    NetworkCreate: (call) => create(networks, call),
    NetworkDelete: (call) => remove(networks, call),
    NetworkConnect: (call) => connect(networks, call),
    NetworkDisconnect: (call) => disconnect(networks, call),
    NetworkPrune: (call) => prune(networks, call),
  };
}

function networkRef(call: Call): string {
  return call.path.id ?? "";
}

async function inspect(networks: NetworksBackend, call: Call): Promise<void> {
  const { exchange, query } = call;
  const options = { scope: query.text("scope"), verbose: query.goBool("verbose") };
  exchange.json(200, await networks.inspect(networkRef(call), options));
}

async function create(networks: NetworksBackend, { exchange }: Call): Promise<void> {
  const request = await readJsonBody<NetworkCreateRequest>(exchange, networkCreateShape);
  if (!request?.Name?.trim()) throw badRequest("invalid name: name is empty");
  const { Id, Warning } = await networks.create(request);
  exchange.json(201, { Id, Warning });
}

async function remove(networks: NetworksBackend, call: Call): Promise<void> {
  await networks.remove(networkRef(call));
  call.exchange.empty(204);
}

async function connect(networks: NetworksBackend, call: Call): Promise<void> {
  const body = await readJsonBody<{ Container?: string | null; EndpointConfig?: EndpointSettings | null }>(
    call.exchange,
    networkConnectShape,
  );
  await networks.connect(networkRef(call), namedContainer(body?.Container), body?.EndpointConfig ?? null);
  call.exchange.empty(200);
}

async function disconnect(networks: NetworksBackend, call: Call): Promise<void> {
  const body = await readJsonBody<{ Container?: string | null; Force?: boolean | null }>(
    call.exchange,
    networkDisconnectShape,
  );
  await networks.disconnect(networkRef(call), namedContainer(body?.Container), { force: body?.Force ?? false });
  call.exchange.empty(200);
}

function namedContainer(name: string | null | undefined): string {
  if (!name) throw badRequest('invalid name or ID supplied: ""');
  return name;
}

async function prune(networks: NetworksBackend, { exchange, query }: Call): Promise<void> {
  const { NetworksDeleted } = await networks.prune(query.filters());
  exchange.json(200, { NetworksDeleted: nullWhenEmpty(NetworksDeleted ?? []) });
}
