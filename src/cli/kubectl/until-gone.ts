/** Waiting for the end of objects that are being deleted. */

import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import type { ObjectTarget } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";

const WEEK_MS = 7 * 24 * 3600 * 1000;

/**
 * Until each object is gone, or another one has its name.
 * @param gone an empty uid: whoever has the name
 * @param timeout such as "30s"; zero: as long as it takes
 * @throws CliError when the time is over
 */
export async function untilGone(
  context: KubectlContext,
  gone: readonly { target: ObjectTarget; uid: string }[],
  timeout: string,
): Promise<void> {
  const limit = parseDuration(timeout) / 1e6;
  const signal = AbortSignal.timeout(limit > 0 ? limit : WEEK_MS);
  const api = await context.api();
  for (const { target, uid } of gone) {
    try {
      await untilOneIsGone(api, target, uid, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new CliError(`error: timed out waiting for the condition on ${target.type.resource}/${target.name}`);
    }
  }
}

async function untilOneIsGone(
  api: Awaited<ReturnType<KubectlContext["api"]>>,
  target: ObjectTarget,
  uid: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    type Seen = { items?: { metadata: { uid?: string } }[]; metadata?: { resourceVersion?: string } };
    const path = pathOf(target.type, target.namespace);
    const query = { fieldSelector: `metadata.name=${target.name}` };
    const seen = await api.get<Seen>(path, { query, signal });
    const object = seen.items?.[0];
    if (object === undefined || (uid !== "" && object.metadata.uid !== uid)) return;
    const watched = { ...query, watch: true, resourceVersion: seen.metadata?.resourceVersion };
    for await (const event of api.lines<{ type: string }>(path, { query: watched, signal })) {
      if (event.type === "DELETED") return;
      if (event.type === "ERROR") break;
    }
  }
}
