/** Files of results, for clients of the gateway that read them (bake does, from repositories that hold its files). */
import { constants, lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import { compileGlob } from "../../lib/glob-pattern.ts";
import { goMode } from "../../lib/go-file-mode.ts";
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
      const names = await readdir(directory).catch((cause) => {
        throw missing("readdir", DirPath, cause);
      });
      const wanted = names.filter((name) => fits(name)).sort();
      const entries = await Promise.all(wanted.map((name) => statOf(join(directory, name), name)));
      await call.send(readDirResponse.encode({ entries }));
    },
  };
}

/** Made for the first who reads; when that fails, the next one tries anew. */
async function filesOf(call: GrpcCall, builds: GatewayBuilds, ref: string): Promise<string> {
  await builds.find(call);
  const result = builds.result(ref);
  if (!result) throw new NaruError("not-found", `no such ref: ${ref}`);
  const files = result.files ?? result.build.openFiles(result.wish);
  result.files = files;
  try {
    return await files;
  } catch (error) {
    if (result.files === files) delete result.files;
    throw error;
  }
}

async function readPart(
  path: string,
  shown: string,
  range: { Offset: number; Length: number } | undefined,
): Promise<Uint8Array> {
  const { Offset = 0, Length = 0 } = range ?? {};
  if (Offset < 0 || Length < 0) throw new NaruError("invalid", `${shown}: a range begins and ends within the file`);
  // A pipe would wait for somebody who writes.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause) => {
    throw missing("open", shown, cause);
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new NaruError("invalid", `read ${shown}: is no file`);
    const { size } = found;
    const start = Math.min(Offset, size);
    const length = Math.min(Length || size, size - start);
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
  const kind = found.isDirectory() ? "directory" : found.isSymbolicLink() ? "symlink" : "file";
  return {
    path: shown.split("/").at(-1) ?? "",
    mode: goMode(found.mode, kind),
    uid: found.uid,
    gid: found.gid,
    size: found.size,
    modTime: Math.round(found.mtimeMs * NANOSECONDS_PER_MS),
    linkname: kind === "symlink" ? await readlink(path) : "",
  };
}

function missing(what: string, path: string, cause: unknown): NaruError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ENOTDIR") throw cause;
  return new NaruError("not-found", `${what} ${path}: no such file or directory`, { cause });
}
