/** The builds of the history: as they are kept, and as BuildKit's clients read them. */
import type { Descriptor } from "../../model/image.ts";
import { type BuildJob, timestamp } from "./build-job.ts";
import type { FrontendAttributes } from "./frontend-attributes.ts";
import type { Attributes, HistoryRecord, WireDescriptor } from "./messages.ts";

/** A build that is over, as it is kept. Times are Unix milliseconds. */
export interface KeptBuild {
  ref: string;
  frontend: string;
  attributes: FrontendAttributes;
  exporters: readonly Attributes[];
  response: Record<string, string>;
  error?: { code: number; message: string };
  createdAt: number;
  completedAt: number;
  counts: BuildJob["counts"];
  isPinned: boolean;
  logs: Descriptor;
  trace: Descriptor;
  /** The error with its places in the Dockerfile. */
  externalError?: Descriptor;
  attestations: Descriptor[];
}

/** What is told of a build under way as of one that is over. */
export function commonRecord(
  frontend: string,
  attributes: FrontendAttributes,
  exporters: readonly Attributes[],
  { cached, completed, total, warnings }: BuildJob["counts"],
) {
  return {
    Frontend: frontend || "dockerfile.v0",
    FrontendAttrs: { ...attributes },
    Exporters: [...exporters],
    numCachedSteps: cached,
    numCompletedSteps: completed,
    numTotalSteps: total,
    numWarnings: warnings,
  };
}

export function recordOf(build: KeptBuild): HistoryRecord {
  const { error, externalError, attestations } = build;
  return {
    ...commonRecord(build.frontend, build.attributes, build.exporters, build.counts),
    Ref: build.ref,
    CreatedAt: timestamp(build.createdAt),
    CompletedAt: timestamp(build.completedAt),
    ExporterResponse: build.response,
    ...(error ? { error: { ...error, details: [] } } : {}),
    ...(externalError ? { externalError: wire(externalError) } : {}),
    logs: wire(build.logs),
    trace: wire(build.trace),
    Result: { Attestations: attestations.map(wire), Results: {} },
    pinned: build.isPinned,
  };
}

function wire({ mediaType, digest, size, annotations = {} }: Descriptor): WireDescriptor {
  return { media_type: mediaType, digest, size, annotations };
}
