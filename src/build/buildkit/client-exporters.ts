/** Where a build's results go, by the exporters that a BuildKit client names: here, or back over its session. */
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerFiles } from "../../image/contract.ts";
import { NaruError } from "../../lib/errors.ts";
import type { KeptContexts } from "../contexts/kept-contexts.ts";
import type { BuildOutput, LayoutBlobs } from "../contract.ts";
import { type Attributes, bytesMessage } from "./messages.ts";
import { storeName, writeLayout } from "./session-layout.ts";
import type { BuildSession } from "./session-registry.ts";

const FILE_SEND = "/moby.filesync.v1.FileSend/DiffCopy";
const EXPORTER_ID = "buildkit-attachable-exporter-id";
const ANNOTATION = /^annotation(?:-manifest)?(?:\[[^\]]*\])?\.(.+)$/;

interface ExportParts {
  session: BuildSession | undefined;
  kept: KeptContexts;
  files: ContainerFiles;
  /** Where directories for a client are put together. */
  scratch: string;
  signal: AbortSignal;
}

/** @throws {NaruError} invalid for exporters and options that naru does not have */
export function outputsOf(exporters: readonly Attributes[], parts: ExportParts): BuildOutput[] {
  return exporters.map(({ Type, Attrs }, index) => outputOf(Type, Attrs, index, parts));
}

function outputOf(type: string, attributes: Record<string, string>, index: number, parts: ExportParts): BuildOutput {
  switch (type) {
    case "moby":
    case "image":
      return {
        type: "image",
        names: namesOf(attributes),
        push: isTrue(attributes.push),
        ...compressionOf(attributes),
        ...(attributes["oci-mediatypes"] ? { ociMediaTypes: isTrue(attributes["oci-mediatypes"]) } : {}),
        ...annotationsOf(attributes),
      };
    case "oci":
    case "docker":
      return {
        type,
        names: namesOf(attributes),
        ...compressionOf(attributes),
        ...annotationsOf(attributes),
        write:
          attributes.tar === undefined || isTrue(attributes.tar)
            ? (tar) => sendStream(parts, index, tar)
            : { layout: (blobs) => sendLayout(parts, blobs) },
      };
    case "tar":
      return { type, write: (tar) => sendStream(parts, index, tar) };
    case "local":
      return { type, write: (tar) => sendFiles(parts, index, tar) };
    default:
      throw new NaruError("invalid", `the builder has no exporter ${type}: use image, docker, oci, tar or local`);
  }
}

function namesOf({ name = "" }: Record<string, string>): string[] {
  return name.split(",").filter((item) => item !== "");
}

function compressionOf({ compression }: Record<string, string>) {
  if (compression === undefined || compression === "") return {};
  if (compression === "gzip" || compression === "zstd" || compression === "uncompressed")
    return { compression } as const;
  throw new NaruError("invalid", `compression ${compression} is not supported: use gzip, zstd or uncompressed`);
}

function annotationsOf(attributes: Record<string, string>): { annotations?: Record<string, string> } {
  const found = Object.entries(attributes).flatMap(([name, value]) => {
    const match = ANNOTATION.exec(name);
    return match === null ? [] : [[match[1]!, value] as const];
  });
  return found.length === 0 ? {} : { annotations: Object.fromEntries(found) };
}

function isTrue(text: string | undefined): boolean {
  return text === "true" || text === "1";
}

/** One file of the client's. */
async function sendStream(
  { session, signal }: ExportParts,
  index: number,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const call = openFileSend(session, index, signal);
  for await (const data of bytes) await call.send(bytesMessage.encode({ data }));
  call.closeSend();
  // The client answers when the file is whole.
  for await (const _message of call.messages);
}

/** Blobs for an OCI layout of the client's, which writes the layout's index itself. */
async function sendLayout({ session, signal }: ExportParts, blobs: LayoutBlobs): Promise<void> {
  if (!session) throw new NaruError("invalid", "a build without a session has no directory to write to");
  await writeLayout(session, storeName.output, blobs, signal);
}

/** A directory of the client's. */
async function sendFiles(parts: ExportParts, index: number, tar: AsyncIterable<Uint8Array>): Promise<void> {
  const { session, kept, files, scratch, signal } = parts;
  const directory = join(scratch, randomBytes(8).toString("hex"));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await files.writeArchive(directory, "/", tar, { noOverwriteDirNonDir: false, signal });
    const call = openFileSend(session, index, signal);
    await kept.send(directory, call, signal);
    call.closeSend();
    for await (const _message of call.messages);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function openFileSend(session: BuildSession | undefined, index: number, signal: AbortSignal) {
  if (!session?.serves(FILE_SEND)) throw new NaruError("invalid", "the client takes no files");
  return session.grpc.call(FILE_SEND, { [EXPORTER_ID]: String(index) }, signal);
}
