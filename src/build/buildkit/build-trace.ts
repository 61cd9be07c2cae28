/**
 * A build's trace: the build and its steps as spans, a JSON object a line, in the form in which OpenTelemetry's library for Go
 * writes finished spans, which is what BuildKit keeps and `buildx history trace` reads.
 */
import { createHash } from "node:crypto";
import type { BuildStep } from "../contract.ts";
import type { BuildJob } from "./build-job.ts";

const INTERNAL_KIND = 1;

interface TracedSpan {
  name: string;
  parent?: string;
  id: string;
  startedAt: number;
  endedAt: number;
  attributes: Record<string, string | boolean>;
  error?: string | undefined;
}

export function traceOf(job: BuildJob, error: string | undefined): Uint8Array {
  const traceId = hexOf(job.ref, 32);
  const rootId = hexOf(`${job.ref} build`, 16);
  const endedAt = job.completedAt ?? Date.now();
  const root: TracedSpan = {
    name: "build",
    id: rootId,
    startedAt: job.createdAt,
    endedAt,
    attributes: { ref: job.ref },
    error,
  };
  const spans = [root, ...job.listSteps().flatMap((step) => spanOf(step, job.ref, rootId, endedAt))];
  const lines = spans.map((span) => JSON.stringify(wireSpan(span, traceId, span === root ? spans.length - 1 : 0)));
  return Buffer.from(`${lines.join("\n")}\n`);
}

function spanOf(step: BuildStep, ref: string, parent: string, ended: number): TracedSpan[] {
  const { digest, name, cached, startedAt, completedAt = ended, error } = step;
  if (startedAt === undefined) return [];
  const id = hexOf(`${ref} ${digest}`, 16);
  return [{ name, parent, id, startedAt, endedAt: completedAt, attributes: { vertex: digest, cached }, error }];
}

function hexOf(text: string, digits: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}

function wireSpan(
  { name, parent, id, startedAt, endedAt, attributes, error }: TracedSpan,
  traceId: string,
  children: number,
) {
  return {
    Name: name,
    SpanContext: contextOf(traceId, id),
    Parent: parent === undefined ? contextOf("0".repeat(32), "0".repeat(16)) : contextOf(traceId, parent),
    SpanKind: INTERNAL_KIND,
    StartTime: timeOf(startedAt),
    EndTime: timeOf(endedAt),
    Attributes: Object.entries(attributes).map(([Key, Value]) => ({ Key, Value: typed(Value) })),
    Events: null,
    Links: null,
    Status: error === undefined ? { Code: "Unset", Description: "" } : { Code: "Error", Description: error },
    DroppedAttributes: 0,
    DroppedEvents: 0,
    DroppedLinks: 0,
    ChildSpanCount: children,
    Resource: [{ Key: "service.name", Value: typed("naru") }],
    InstrumentationLibrary: { Name: "naru", Version: "", SchemaURL: "", Attributes: null },
  };
}

function contextOf(TraceID: string, SpanID: string) {
  return { TraceID, SpanID, TraceFlags: "01", TraceState: "", Remote: false };
}

function typed(Value: string | boolean) {
  return { Type: typeof Value === "boolean" ? "BOOL" : "STRING", Value };
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
