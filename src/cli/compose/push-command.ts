import type { OnProgress } from "../../compose/contract.ts";
import { isTree } from "../../compose/document.ts";
import { jsonLines } from "../../lib/json-lines.ts";
import { Slots } from "../../lib/slots.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import type { ProgressMessage } from "../progress.ts";
import { parseReference } from "../reference.ts";
import { registryAuthHeader } from "../registry-auth.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { interruptible } from "./interruptible.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { servicesOf } from "./project-services.ts";
import { reasonOf } from "./pull-images.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Send the images that the project builds to their registries",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    "ignore-push-failures": bool("Send what can be sent"),
    "include-deps": bool("Those of the services that they depend on too"),
    quiet: bool("Show no progress", { short: "q" }),
  },
  async run({ flags, args, context }) {
    const project = await context.loadProject({ services: args, skips: ["environment"] });
    const services = servicesOf(project);
    const named = args.length === 0 || flags["include-deps"] ? Object.keys(services) : args;
    const display = openProgressDisplay(context, "Pushing", flags.quiet);
    const wanted: { service: string; image: string }[] = [];
    for (const name of new Set(named)) {
      const { build, image } = services[name]!;
      if (isTree(build) && typeof image === "string" && image !== "") wanted.push({ service: name, image });
      else display.take({ id: name, state: "done", text: "Skipped" });
    }
    if (context.isDryRun) return context.print(wanted.map(({ image }) => `Would push ${image}\n`).join(""));
    const slots = new Slots(() => parallelLimit(context));
    try {
      await interruptible(async (signal) => {
        const ends = await Promise.allSettled(
          wanted.map(async ({ service, image }) => {
            const release = await slots.take(signal);
            await pushImage(context, service, image, display.take, signal).finally(release);
          }),
        );
        const failed = ends.find((end) => end.status === "rejected");
        if (failed && !flags["ignore-push-failures"]) throw failed.reason;
      });
    } finally {
      display.finish();
    }
  },
});

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
