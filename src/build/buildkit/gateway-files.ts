/** Files of results, for clients of the gateway that read them (bake does, from repositories that hold its files). */
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import { compileGlob } from "../../lib/glob-pattern.ts";
import type { GrpcCall, GrpcMethods } from "../grpc/grpc-server.ts";
import { placeInside } from "../solver/exec-mounts.ts";
import type { GatewayBuilds } from "./gateway-builds.ts";
import {
  readDirRequest,
  readDirResponse,
  readFileRequest,
  readFileResponse,
  statFileRequest,
  statFileResponse,
  type WireStat,
} from "./messages.ts";
import { oneMessage } from "./one-message.ts";

/** A message takes no more. */
const MAX_READ_BYTES = 15 * 1024 * 1024;
const NANOSECONDS_PER_MS = 1e6;
/** Bits of Go's os.FileMode. */
const GO_DIRECTORY = 2 ** 31;
const GO_LINK = 2 ** 27;

export function fileMethods(service: string, builds: GatewayBuilds): GrpcMethods {
  return {
    [`${service}/ReadFile`]: async (call) => {
      const { Ref, FilePath, Range } = readFileRequest.decode(await oneMessage(call));
      const path = placeInside(await filesOf(call, builds, Ref), FilePath);
      await call.send(readFileResponse.encode({ Data: await readPart(path, FilePath, Range) }));
    },
    [`${service}/StatFile`]: async (call) => {
      const { Ref, Path } = statFileRequest.decode(await oneMessage(call));
      const path = placeInside(await filesOf(call, builds, Ref), Path);
      await call.send(statFileResponse.encode({ stat: await statOf(path, Path) }));
    },
    [`${service}/ReadDir`]: async (call) => {
      const { Ref, DirPath, IncludePattern } = readDirRequest.decode(await oneMessage(call));
      const directory = placeInside(await filesOf(call, builds, Ref), DirPath);
      const fits = IncludePattern === "" ? () => true : compileGlob(IncludePattern).matches;
      const names = (await readdir(directory)).filter((name) => fits(name)).sort();
      const entries = await Promise.all(names.map((name) => statOf(join(directory, name), name)));
      await call.send(readDirResponse.encode({ entries }));
    },
  };
}

/** Made for the first who reads. */
async function filesOf(call: GrpcCall, builds: GatewayBuilds, ref: string): Promise<string> {
  await builds.find(call);
  const result = builds.result(ref);
  if (!result) throw new NaruError("not-found", `no such ref: ${ref}`);
  result.files ??= result.build.openFiles(result.wish, call.signal);
  return await result.files;
}

async function readPart(
  path: string,
  shown: string,
  range: { Offset: number; Length: number } | undefined,
): Promise<Uint8Array> {
  const file = await open(path).catch((cause) => {
    throw missing("open", shown, cause);
  });
  try {
    const { size } = await file.stat();
    const start = Math.min(range?.Offset ?? 0, size);
    const length = Math.min(range?.Length || size, size - start);
    if (length > MAX_READ_BYTES)
      throw new NaruError("invalid", `${shown} is too large to be read at once: name a range`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function statOf(path: string, shown: string): Promise<WireStat> {
  const found = await lstat(path).catch((cause) => {
    throw missing("lstat", shown, cause);
  });
  const kind = found.isDirectory() ? GO_DIRECTORY : found.isSymbolicLink() ? GO_LINK : 0;
  return {
    path: shown.split("/").at(-1) ?? "",
    mode: kind + (found.mode & 0o777),
    uid: found.uid,
    gid: found.gid,
    size: found.size,
    modTime: Math.round(found.mtimeMs * NANOSECONDS_PER_MS),
    linkname: found.isSymbolicLink() ? await readlink(path) : "",
  };
}

function missing(what: string, path: string, cause: unknown): NaruError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ENOTDIR") throw cause;
  return new NaruError("not-found", `${what} ${path}: no such file or directory`, { cause });
}
