import { isKind } from "../../lib/errors.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool, format } from "../flag-types.ts";
import { printRows } from "../format.ts";
import { openRemoteImage, openRemoteRegistry, type RemoteRegistry } from "../registry-access.ts";
import { parseRegistryPlace } from "../registry-place.ts";
import { REPOSITORY_KIND, type RepositoryFacts, repositoryRow, TAG_KIND, tagRow } from "../rows/registry-row.ts";

/** Tags whose digests are asked for at the same time. */
const WIDTH = 8;
const CATALOG_SCOPES = ["registry:catalog:*"];

export const command = defineCommand({
  usage: "[OPTIONS] HOST[:PORT][/REPOSITORY]",
  summary: "List the repositories of a registry, or the tags of one of them",
  aliases: ["registry ls", "registry list"],
  args: exactArgs(1),
  flags: {
    format: format(),
    insecure: bool("Let the registry do without TLS or a known certificate"),
    quiet: bool("Only names", { short: "q" }),
  },
  async run({ flags, args: [place = ""], context }) {
    const { host, repository } = parseRegistryPlace(place);
    const view = { format: flags.format, quiet: flags.quiet };
    if (repository === undefined) {
      const rows = await listRepositories(await openRemoteRegistry(context, host, flags.insecure));
      return printRows(context, REPOSITORY_KIND, rows.map(repositoryRow), view);
    }
    const options = { actions: "pull", isInsecure: flags.insecure } as const;
    const { repository: remote } = await openRemoteImage(context, `${host}/${repository}`, options);
    const tags = await Array.fromAsync(remote.listTags());
    const rows: ReturnType<typeof tagRow>[] = [];
    for (let at = 0; at < tags.length; at += WIDTH) {
      const batch = tags.slice(at, at + WIDTH).map(async (tag) => {
        if (flags.quiet) return tagRow(tag, "");
        return tagRow(tag, (await remote.resolve(tag)).digest);
      });
      rows.push(...(await Promise.all(batch)));
    }
    printRows(context, TAG_KIND, rows, view);
  },
});

async function listRepositories(registry: RemoteRegistry): Promise<RepositoryFacts[]> {
  const found: RepositoryFacts[] = [];
  try {
    for (let last: string | undefined = ""; last !== undefined; ) {
      const query: string = last === "" ? "" : `?last=${encodeURIComponent(last)}`;
      const page = (await registry.ask("GET", `/v2/_naru/repositories${query}`, CATALOG_SCOPES)) as {
        repositories: RepositoryFacts[];
        next?: string;
      };
      found.push(...page.repositories);
      last = page.next;
    }
    return found;
  } catch (error) {
    // Other registries know only names. They refuse the address in one way or another.
    if (found.length > 0 || !(isKind(error, "not-found") || isKind(error, "invalid"))) throw error;
    return await listCatalog(registry);
  }
}

async function listCatalog(registry: RemoteRegistry): Promise<RepositoryFacts[]> {
  const found: RepositoryFacts[] = [];
  for (;;) {
    const last = found.at(-1)?.name;
    const query = last === undefined ? "" : `?last=${encodeURIComponent(last)}`;
    const { repositories } = (await registry.ask("GET", `/v2/_catalog${query}`, CATALOG_SCOPES)) as {
      repositories: string[] | null;
    };
    const fresh = (repositories ?? []).filter((name) => last === undefined || name > last);
    if (fresh.length === 0) return found;
    found.push(...fresh.map((name) => ({ name })));
  }
}
