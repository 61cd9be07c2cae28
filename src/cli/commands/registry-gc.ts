import { humanSize } from "../../lib/human-size.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { openRemoteRegistry, type RemoteRegistry } from "../registry-access.ts";
import { parseRegistryPlace } from "../registry-place.ts";

/** As the registry tells it. */
interface Report {
  durationMs: number;
  uploads: { count: number; bytes: number };
  manifests: number;
  blobs: { count: number; bytes: number };
  repositories: number;
  keptBytes: number;
}

const POLL_MS = 1000;
const SCOPES = ["registry:catalog:*"];

export const command = defineCommand({
  usage: "[OPTIONS] HOST[:PORT]",
  summary: "Free the space of what no image in a registry needs",
  description:
    "Free the space of what no image in a registry needs. Pushes and pulls go on meanwhile.\n" +
    "What was pushed or looked at during the grace period stays, since a push may rely on it.",
  args: exactArgs(1),
  flags: {
    "dry-run": bool("Only count"),
    grace: string("Leave what was used this recently, such as 10m (default the registry's own, 1h)"),
    insecure: bool("Let the registry do without TLS or a known certificate"),
    untagged: bool("Also remove manifests that no tag reaches"),
    uploads: string("Give up uploads without a byte for this long (default the registry's own, 24h)"),
  },
  async run({ flags, args: [place = ""], given, context }) {
    const { host, repository } = parseRegistryPlace(place);
    if (repository !== undefined) throw new CliError(`${place}: a collection is for a whole registry, HOST[:PORT]`);
    const query = new URLSearchParams();
    if (flags["dry-run"]) query.set("dry-run", "1");
    if (flags.untagged) query.set("untagged", "1");
    if (given("grace")) query.set("grace", flags.grace);
    if (given("uploads")) query.set("upload-age", flags.uploads);
    const report = await collect(await openRemoteRegistry(context, host, flags.insecure), query);
    context.print(reportText(report, flags["dry-run"]));
  },
});

async function collect(registry: RemoteRegistry, query: URLSearchParams): Promise<Report> {
  const answer = (await registry.ask("POST", `/v2/_naru/collection?${query}`, SCOPES)) as Report | { running: true };
  if (!("running" in answer)) return answer;
  for (;;) {
    await Bun.sleep(POLL_MS);
    const state = (await registry.ask("GET", "/v2/_naru/collection", SCOPES)) as {
      running: boolean;
      last: Report | null;
      failure: string | null;
    };
    if (state.failure !== null) throw new CliError(`the collection failed: ${state.failure}`);
    if (!state.running && state.last !== null) return state.last;
  }
}

function reportText(report: Report, isDry: boolean): string {
  const { uploads, manifests, blobs, repositories, keptBytes, durationMs } = report;
  const parts = [
    count(blobs.count, "blob"),
    ...(manifests > 0 ? [count(manifests, "untagged manifest")] : []),
    ...(uploads.count > 0 ? [count(uploads.count, "abandoned upload")] : []),
    ...(repositories > 0 ? [count(repositories, "empty repository", "empty repositories")] : []),
  ];
  const verb = isDry ? "Would remove" : "Removed";
  const total = isDry ? "Reclaimable space" : "Total reclaimed space";
  const seconds = (durationMs / 1000).toFixed(1);
  return (
    `${verb} ${parts.join(", ")} in ${seconds} s\n` +
    `${total}: ${humanSize(blobs.bytes + uploads.bytes)}, kept ${humanSize(keptBytes)}\n`
  );
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
