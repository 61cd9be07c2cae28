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
const ANNOTATION = /^annotation(?:-((?:manifest|index)(?:-descriptor)?))?(\[[^\]]*\])?\.(.+)$/;

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
  checkSettings(type, attributes);
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

function compressionOf({ compression, "force-compression": force }: Record<string, string>) {
  const forced = isTrue(force) ? { forceCompression: true } : {};
  if (compression === undefined || compression === "") return forced;
  if (compression === "gzip" || compression === "zstd" || compression === "uncompressed")
    return { compression, ...forced } as const;
  throw new NaruError("invalid", `compression ${compression} is not supported: use gzip, zstd or uncompressed`);
}

/** "annotation-index.KEY", "annotation-manifest[PLATFORM].KEY", "annotation[PLATFORM].KEY": the place goes before the key. */
function annotationsOf(attributes: Record<string, string>): { annotations?: Record<string, string> } {
  const found = Object.entries(attributes).flatMap(([name, value]) => {
    const [, place = "manifest", platform = "", key] = ANNOTATION.exec(name) ?? [];
    return key === undefined ? [] : [[`${place}${platform}:${key}`, value] as const];
  });
  return found.length === 0 ? {} : { annotations: Object.fromEntries(found) };
}

/** Settings that mean what naru does anyway, whatever their value. */
const ALWAYS =
  "name push compression force-compression oci-mediatypes tar dest unpack rewrite-timestamp name-canonical".split(" ");
/** Settings that naru does not have, with what to do without them; "false" asks for nothing. */
const REFUSED: Record<string, string> = {
  "push-by-digest": "give the image a name with a tag",
  "registry.insecure": "list the registry in the daemon's insecure-registries",
  store: "what is pushed is kept here too, remove it afterwards",
  "oci-artifact": "attestations are stored as image manifests, which every registry takes",
  "prefer-nondist-layers": "layers of other places are copied",
  "dangling-name-prefix": "give the image a name",
  "compression-level": "naru chooses the level",
  "attestation-prefix": "the files of attestations have fixed names",
  "platform-split": "several platforms get a directory each, one gets none",
  buildinfo: "ask for provenance",
};

/** @throws {NaruError} invalid for a setting that would be ignored */
function checkSettings(type: string, attributes: Record<string, string>): void {
  for (const [name, value] of Object.entries(attributes)) {
    const isUsual = name === "store" ? isTrue(value) : value === "false";
    if (ALWAYS.includes(name) || ANNOTATION.test(name) || isUsual) continue;
    const advice = REFUSED[name] ?? "the builder does not know it";
    throw new NaruError("invalid", `the setting ${name}=${value} of the exporter ${type} is not supported: ${advice}`);
  }
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
