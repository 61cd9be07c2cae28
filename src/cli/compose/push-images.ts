import type { OnProgress } from "../../compose/contract.ts";
import { isTree } from "../../compose/document.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { jsonLines } from "../../lib/json-lines.ts";
import { Slots } from "../../lib/slots.ts";
import { CliError } from "../cli-error.ts";
import type { ProgressMessage } from "../progress.ts";
import { parseReference } from "../reference.ts";
import { registryAuthHeader } from "../registry-auth.ts";
import type { ComposeContext } from "./declaration.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { servicesOf } from "./project-services.ts";
import { reasonOf } from "./pull-images.ts";

interface BuiltImage {
  service: string;
  image: string;
}

/** The images that services build under a name of their own. */
export function builtImages(project: ComposeProject, services: readonly string[]): BuiltImage[] {
  return [...new Set(services)].flatMap((service) => {
    const { build, image } = servicesOf(project)[service]!;
    return isTree(build) && typeof image === "string" && image !== "" ? [{ service, image }] : [];
  });
}

/** Sends what services build to its registries. Throws the first failure, unless failures are only to be shown. */
export async function pushBuiltImages(
  context: ComposeContext,
  project: ComposeProject,
  services: readonly string[],
  { onProgress, signal, failuresPass }: { onProgress: OnProgress; signal: AbortSignal; failuresPass: boolean },
): Promise<void> {
  const slots = new Slots(() => parallelLimit(context));
  const ends = await Promise.allSettled(
    builtImages(project, services).map(async ({ service, image }) => {
      const release = await slots.take(signal);
      await pushImage(context, service, image, onProgress, signal).finally(release);
    }),
  );
  signal.throwIfAborted();
  const failed = ends.find((end) => end.status === "rejected");
  if (failed && !failuresPass) throw failed.reason;
}

async function pushImage(
  context: ComposeContext,
  service: string,
  image: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const reference = parseReference(image);
  onProgress({ id: service, state: "working", text: "Pushing" });
  try {
    if (reference.digest !== undefined) throw new CliError(`${image}: cannot push a digest reference`);
    const client = await context.client();
    const answer = await client.send("POST", `/images/${reference.familiarName}/push`, {
      query: { tag: reference.tag ?? "latest" },
      headers: { "X-Registry-Auth": "e30=", ...(await registryAuthHeader(await context.config(), reference)) },
      signal,
    });
    for await (const line of jsonLines<ProgressMessage>(answer.chunks())) {
      const failure = line.errorDetail?.message ?? line.error;
      if (failure !== undefined) throw new CliError(failure);
      if (!line.id || !line.status || line.status.startsWith("The push refers")) continue;
      const state = ["Pushed", "Layer already exists"].includes(line.status) ? "done" : "working";
      const { current, total } = line.progressDetail ?? {};
      onProgress({ id: line.id, parent: service, state, text: line.status, current, total });
    }
    onProgress({ id: service, state: "done", text: "Pushed" });
  } catch (error) {
    onProgress({ id: service, state: "error", text: signal.aborted ? "Interrupted" : `Error ${reasonOf(error)}` });
    throw error;
  }
}
