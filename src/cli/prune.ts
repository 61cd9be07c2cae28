import type { ApiClient } from "./client.ts";

export type FilterValues = Record<string, string[]>;

/** What one kind of prune removed. */
export interface PruneReport {
  /** What is printed: a heading and a line for each object; empty when nothing was removed. */
  text: string;
  reclaimedBytes: number;
}

/** Removes stopped containers. */
export async function pruneContainers(client: ApiClient, filters: FilterValues): Promise<PruneReport> {
  const report = await client.post<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>(
    "/containers/prune",
    { query: { filters } },
  );
  return listed("Deleted Containers:", report.ContainersDeleted ?? [], report.SpaceReclaimed);
}

/** Removes dangling images, with `all` every image that no container uses. */
export async function pruneImages(client: ApiClient, filters: FilterValues, all: boolean): Promise<PruneReport> {
  const report = await client.post<{
    ImagesDeleted: { Untagged?: string; Deleted?: string }[] | null;
    SpaceReclaimed: number;
  }>("/images/prune", { query: { filters: { ...filters, dangling: [String(!all), ...(filters.dangling ?? [])] } } });
  const lines = (report.ImagesDeleted ?? []).map(({ Untagged, Deleted }) =>
    Untagged ? `untagged: ${Untagged}` : `deleted: ${Deleted}`,
  );
  return listed("Deleted Images:", lines, report.SpaceReclaimed);
}

/** Removes networks without containers. */
export async function pruneNetworks(client: ApiClient, filters: FilterValues): Promise<PruneReport> {
  const report = await client.post<{ NetworksDeleted: string[] | null }>("/networks/prune", { query: { filters } });
  return listed("Deleted Networks:", report.NetworksDeleted ?? [], 0);
}

/** Removes volumes that no container uses: anonymous ones, or those that the filters name. */
export async function pruneVolumes(client: ApiClient, filters: FilterValues): Promise<PruneReport> {
  const report = await client.post<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>("/volumes/prune", {
    query: { filters },
  });
  return listed("Deleted Volumes:", report.VolumesDeleted ?? [], report.SpaceReclaimed);
}

function listed(heading: string, lines: readonly string[], reclaimedBytes: number): PruneReport {
  if (lines.length === 0) return { text: "", reclaimedBytes: 0 };
  return { text: `${heading}\n${lines.map((line) => `${line}\n`).join("")}`, reclaimedBytes };
}
