/** Removing all containers that do not run. */
import { errorText } from "../lib/errors.ts";
import type { Filters } from "../model/system.ts";
import { parseRfc3339 } from "./clock.ts";
import { containerSizes } from "./container-inspect.ts";
import { removeContainer } from "./container-remove.ts";
import type { PruneReport } from "./contract.ts";
import type { EngineContext } from "./engine-context.ts";
import { passesLabelFilters, requireKnownFilters, untilFilter } from "./filter-values.ts";

export async function pruneContainers(context: EngineContext, filters: Filters): Promise<PruneReport> {
  requireKnownFilters(filters, ["label", "label!", "until"]);
  const until = untilFilter(filters);
  const report: PruneReport = { deleted: [], spaceReclaimed: 0 };
  for (const container of context.containers.list()) {
    const { record } = container;
    if (container.isRunning || container.isRemovalUnderWay) continue;
    if (until !== undefined && (parseRfc3339(record.created) ?? 0n) > until) continue;
    if (!passesLabelFilters(record.config.Labels, filters)) continue;
    try {
      const { SizeRw } = await containerSizes(context, container);
      await removeContainer(context, container, { force: false, volumes: false });
      report.deleted.push(container.id);
      report.spaceReclaimed += SizeRw;
    } catch (error) {
      context.log.warn(`prune left container ${record.name}: ${errorText(error)}`);
    }
  }
  context.events.publish("container", "prune", "", { reclaimed: String(report.spaceReclaimed) });
  return report;
}
