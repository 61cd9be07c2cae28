/** Entry of the worker threads that read images for their bill of materials (sbom-maker.ts). */
import { NaruError } from "../lib/errors.ts";
import { serveJobs } from "../lib/worker-job.ts";
import type { SbomFormat, SbomSubject } from "./contract.ts";
import { cycloneDxDocument } from "./cyclonedx-document.ts";
import { takeInventory } from "./inventory.ts";
import { packageTable } from "./package-table.ts";
import { type SpdxDocument, spdxDocument } from "./spdx-document.ts";
import { spdxTagValue } from "./spdx-tag-value.ts";

serveJobs({ make });

async function make(
  { subject, format }: { subject: SbomSubject; format: SbomFormat },
  { signal }: { signal: AbortSignal },
): Promise<string> {
  return write(format, subject, spdxDocument(subject, await takeInventory(subject.layers, { signal })));
}

function write(format: SbomFormat, subject: SbomSubject, document: SpdxDocument): string {
  switch (format) {
    case "spdx-json":
      return `${JSON.stringify(document, undefined, 1)}\n`;
    case "spdx-tag-value":
      return spdxTagValue(document);
    case "cyclonedx-json":
      return `${JSON.stringify(cycloneDxDocument(subject, document), undefined, 1)}\n`;
    case "table":
      return packageTable(document);
    default:
      throw new NaruError("invalid", `there is no format "${format as string}" of a bill of materials`);
  }
}
