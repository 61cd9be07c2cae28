/** Tag "Container": everything about containers but their streams and archives. */
import type { ContainerService } from "../engine/contract.ts";
import type { ContainerCreateRequest, HostConfig } from "../model/container.ts";
import { badRequest } from "./errors.ts";
import { adaptCreateRequest } from "./older-requests.ts";
import { nullWhenEmpty, shapeContainerInspect, shapeContainerSummary } from "./replies.ts";
import { readJsonBody } from "./request-body.ts";
import { containerConfigShape, containerCreateShape, containerUpdateShape } from "./request-shapes.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type ContainersBackend = Pick<
  ContainerService,
  | "create"
  | "start"
  | "stop"
  | "restart"
  | "kill"
  | "pause"
  | "unpause"
  | "rename"
  | "remove"
  | "inspect"
  | "list"
  | "resize"
  | "top"
  | "changes"
  | "update"
  | "prune"
>;

export function containerHandlers(containers: ContainersBackend): Handlers {
  return {
    ContainerList: (call) => list(containers, call),
    ContainerCreate: (call) => create(containers, call),
    ContainerInspect: (call) => inspect(containers, call),
    ContainerStart: (call) => start(containers, call),
    ContainerStop: (call) => stop(containers, call),
    ContainerRestart: (call) => restart(containers, call),
    ContainerKill: (call) => kill(containers, call),
    ContainerPause: (call) => answerNothing(call, containers.pause(containerRef(call))),
    ContainerUnpause: (call) => answerNothing(call, containers.unpause(containerRef(call))),
    ContainerRename: (call) => rename(containers, call),
    ContainerDelete: (call) => remove(containers, call),
    ContainerResize: (call) => resize(containers, call),
    ContainerTop: (call) => top(containers, call),
    ContainerChanges: (call) => changes(containers, call),
    ContainerUpdate: (call) => update(containers, call),
    ContainerPrune: (call) => prune(containers, call),
  };
}

/** The container that the path names. */
export function containerRef(call: Call): string {
  return call.path.id ?? "";
}

async function answerNothing({ exchange }: Call, action: Promise<void>): Promise<void> {
  await action;
  exchange.empty(204);
}

async function list(containers: ContainersBackend, { exchange, query, version }: Call): Promise<void> {
  const summaries = await containers.list({
    all: query.bool("all"),
    limit: query.int("limit") ?? 0,
    size: query.bool("size"),
    filters: query.filters(),
  });
  exchange.json(
    200,
    summaries.map((summary) => shapeContainerSummary(summary, version)),
  );
}

async function create(containers: ContainersBackend, { exchange, query, version }: Call): Promise<void> {
  const request = await readJsonBody<ContainerCreateRequest>(exchange, containerCreateShape);
  if (request === undefined) throw badRequest("invalid JSON: got EOF while reading request body");
  if (!hasContainerConfig(request)) throw badRequest("config cannot be empty in order to create a container");
  const name = query.text("name");
  const platform = version >= 41 ? query.text("platform") : "";
  const created = await containers.create(name === "" ? undefined : name, adaptCreateRequest(request, version), {
    platform: platform === "" ? undefined : platform,
  });
  exchange.json(201, { Id: created.Id, Warnings: created.Warnings });
}

function hasContainerConfig(request: ContainerCreateRequest | null): request is ContainerCreateRequest {
  return request !== null && Object.keys(request).some((key) => Object.hasOwn(containerConfigShape.fields, key));
}

async function inspect(containers: ContainersBackend, call: Call): Promise<void> {
  const report = await containers.inspect(containerRef(call), { size: call.query.bool("size") });
  call.exchange.json(200, shapeContainerInspect(report, call.version));
}

async function start(containers: ContainersBackend, call: Call): Promise<void> {
  // An empty JSON object is shorter than seven bytes; anything longer is a host configuration of ancient clients.
  if (Number(call.exchange.request.headers["content-length"] ?? 0) > 7) {
    throw badRequest(
      "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
    );
  }
  if (call.query.text("checkpoint") !== "") throw badRequest("checkpoint is only supported in experimental mode");
  const detachKeys = call.query.text("detachKeys");
  await containers.start(containerRef(call), { detachKeys: detachKeys === "" ? undefined : detachKeys });
  call.exchange.empty(204);
}

function stopOptions({ query, version }: Call): { signal?: string; timeoutSeconds?: number } {
  const signal = version >= 42 ? query.text("signal") : "";
  return { signal: signal === "" ? undefined : signal, timeoutSeconds: query.int("t") };
}

async function stop(containers: ContainersBackend, call: Call): Promise<void> {
  await answerNothing(call, containers.stop(containerRef(call), stopOptions(call)));
}

async function restart(containers: ContainersBackend, call: Call): Promise<void> {
  await answerNothing(call, containers.restart(containerRef(call), stopOptions(call)));
}

async function kill(containers: ContainersBackend, call: Call): Promise<void> {
  const signal = call.query.text("signal");
  await answerNothing(call, containers.kill(containerRef(call), signal === "" ? "SIGKILL" : signal));
}

async function rename(containers: ContainersBackend, call: Call): Promise<void> {
  const name = call.query.text("name");
  if (name === "") throw badRequest("Neither old nor new names may be empty");
  await answerNothing(call, containers.rename(containerRef(call), name));
}

async function remove(containers: ContainersBackend, call: Call): Promise<void> {
  const { query } = call;
  const options = { force: query.bool("force"), volumes: query.bool("v"), link: query.bool("link") };
  await answerNothing(call, containers.remove(containerRef(call), options));
}

async function resize(containers: ContainersBackend, call: Call): Promise<void> {
  const rows = call.query.terminalSize("h", "height");
  const columns = call.query.terminalSize("w", "width");
  await containers.resize(containerRef(call), rows, columns);
  call.exchange.empty(200);
}

async function top(containers: ContainersBackend, call: Call): Promise<void> {
  const { Processes, Titles } = await containers.top(containerRef(call), call.query.text("ps_args"));
  call.exchange.json(200, { Processes, Titles });
}

async function changes(containers: ContainersBackend, call: Call): Promise<void> {
  const found = await containers.changes(containerRef(call));
  call.exchange.json(200, found?.map(({ Kind, Path }) => ({ Kind, Path })) ?? null);
}

async function update(containers: ContainersBackend, call: Call): Promise<void> {
  const change = await readJsonBody<Partial<HostConfig>>(call.exchange, containerUpdateShape);
  const { Warnings } = await containers.update(containerRef(call), change ?? {});
  call.exchange.json(200, { Warnings: nullWhenEmpty(Warnings) });
}

async function prune(containers: ContainersBackend, { exchange, query }: Call): Promise<void> {
  const report = await containers.prune(query.filters());
  exchange.json(200, { ContainersDeleted: nullWhenEmpty(report.deleted), SpaceReclaimed: report.spaceReclaimed });
}
