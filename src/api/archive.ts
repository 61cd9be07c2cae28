/** Tag "Container", archives: copying into and out of a container, export, commit. */
import type { ContainerService } from "../engine/contract.ts";
import type { ContainerConfig, PathStat } from "../model/container.ts";
import { requestBytes, streamBytes } from "./byte-streams.ts";
import { containerRef } from "./containers.ts";
import { badRequest } from "./errors.ts";
import type { Query } from "./query.ts";
import { readJsonBody } from "./request-body.ts";
import { containerConfigShape } from "./request-shapes.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type ArchiveBackend = Pick<ContainerService, "statPath" | "readArchive" | "writeArchive" | "exportTar" | "commit">;

const PATH_STAT_HEADER = "X-Docker-Container-Path-Stat";

export function archiveHandlers(containers: ArchiveBackend): Handlers {
  return {
    ContainerArchiveInfo: (call) => statPath(containers, call),
    ContainerArchive: (call) => readArchive(containers, call),
    PutContainerArchive: (call) => writeArchive(containers, call),
    ContainerExport: (call) => exportContainer(containers, call),
    ImageCommit: (call) => commit(containers, call),
  };
}

function archivePath(query: Query): string {
  const path = query.text("path");
  // Docker's own words, missing space and all.
  if (path === "") throw badRequest("bad parameter: pathcannot be empty");
  return path;
}

/** The header's value: base64 of the JSON. */
export function encodePathStat(stat: PathStat): string {
  const { name, size, mode, mtime, linkTarget } = stat;
  return Buffer.from(JSON.stringify({ name, size, mode, mtime, linkTarget })).toString("base64");
}

async function statPath(containers: ArchiveBackend, call: Call): Promise<void> {
  const stat = await containers.statPath(containerRef(call), archivePath(call.query));
  call.exchange.empty(200, { [PATH_STAT_HEADER]: encodePathStat(stat) });
}

async function readArchive(containers: ArchiveBackend, call: Call): Promise<void> {
  const { stat, tar } = await containers.readArchive(containerRef(call), archivePath(call.query), call.signal);
  const headers = { "Content-Type": "application/x-tar", [PATH_STAT_HEADER]: encodePathStat(stat) };
  await streamBytes(call.exchange, tar, headers);
}

async function writeArchive(containers: ArchiveBackend, call: Call): Promise<void> {
  const { exchange, query, signal } = call;
  const path = archivePath(query);
  await containers.writeArchive(containerRef(call), path, requestBytes(exchange), {
    noOverwriteDirNonDir: query.bool("noOverwriteDirNonDir"),
    copyUidGid: query.bool("copyUIDGID"),
    signal,
  });
  exchange.empty(200);
}

async function exportContainer(containers: ArchiveBackend, call: Call): Promise<void> {
  const tar = await containers.exportTar(containerRef(call), call.signal);
  await streamBytes(call.exchange, tar, { "Content-Type": "application/octet-stream" });
}

async function commit(containers: ArchiveBackend, { exchange, query }: Call): Promise<void> {
  const config = await readJsonBody<ContainerConfig>(exchange, containerConfigShape);
  const container = query.text("container");
  if (container === "") throw badRequest('invalid name or ID supplied: ""');
  const { Id } = await containers.commit(container, {
    repo: query.text("repo"),
    tag: query.text("tag"),
    comment: query.text("comment"),
    author: query.text("author"),
    pause: query.bool("pause", true),
    changes: query.all("changes"),
    config: config ?? undefined,
  });
  exchange.json(201, { Id });
}
