/** Images from and to registries: the store's work with events. */
import type { ProgressLine } from "../image/contract.ts";
import { NaruError } from "../lib/errors.ts";
import { familiarName, parseReference, repositoryOf } from "../lib/image-reference.ts";
import { parsePlatform } from "../lib/platform.ts";
import type { ImageService } from "./contract.ts";
import type { EngineContext } from "./engine-context.ts";

/** @throws {NaruError} invalid for a bad name or platform, and what the store throws */
export async function* pullImage(
  context: EngineContext,
  { name, platform, credentials }: Parameters<ImageService["pull"]>[0],
  signal: AbortSignal,
): AsyncGenerator<ProgressLine> {
  const reference = parseReference(name);
  const wished = platform === "" ? undefined : parsePlatform(platform);
  for await (const line of context.images.pull({ reference, platform: wished, credentials }, { signal })) {
    const outcome = /^Status: (?:Downloaded newer image|Image is up to date) for (.*)$/;
    const pulled = outcome.exec(typeof line.status === "string" ? line.status : "")?.[1];
    if (pulled !== undefined) publishTransfer(context, "pull", pulled);
    yield line;
  }
}

/** @throws {NaruError} invalid for a bad name, and what the store throws */
export async function* pushImage(
  context: EngineContext,
  { name, platform, credentials }: Parameters<ImageService["push"]>[0],
  signal: AbortSignal,
): AsyncGenerator<ProgressLine> {
  const reference = parseReference(name);
  if (reference.digest !== undefined) throw new NaruError("invalid", "cannot push a digest reference");
  for await (const line of context.images.push({ reference, platform, credentials }, { signal })) {
    const tag = (line.aux as { Tag?: string } | undefined)?.Tag;
    if (tag !== undefined) publishTransfer(context, "push", `${familiarName(repositoryOf(reference))}:${tag}`);
    yield line;
  }
}

/** Docker names these events by reference, not by id. */
function publishTransfer(context: EngineContext, action: "pull" | "push", reference: string): void {
  const labels = context.images.findImage(reference)?.config.config?.Labels ?? {};
  const name = reference.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  context.events.publish("image", action, reference, { ...labels, name });
}
