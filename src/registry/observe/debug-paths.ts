/** What the debug address answers: /metrics, /healthz, /retention (GET: what would go; POST: remove it now). */

import { errorText } from "../../lib/errors.ts";
import type { RegistryCatalog } from "../contract.ts";
import { dryRunText, retentionRun } from "../retention/retention-run.ts";
import type { RetentionRule } from "../retention/rules.ts";
import type { RegistryMetrics } from "./registry-metrics.ts";
import type { StorageFacts } from "./storage-gauges.ts";

export type DebugPaths = (request: Request) => Promise<Response>;

interface DebugParts {
  metrics: RegistryMetrics;
  catalog: RegistryCatalog;
  storage: StorageFacts;
  rules: readonly RetentionRule[];
  log: Parameters<typeof retentionRun>[2]["log"];
}

export function debugPaths(parts: DebugParts): DebugPaths {
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/retention") return await answerRetention(request, parts);
    if (request.method !== "GET" && request.method !== "HEAD") return text(405, "only GET\n");
    if (pathname === "/metrics") {
      return new Response(await parts.metrics.set.text(), {
        headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
      });
    }
    if (pathname === "/healthz") return await answerHealth(parts.storage);
    return text(404, "here are /metrics, /healthz and /retention\n");
  };
}

/** Healthy is a registry whose storage answers. */
async function answerHealth(storage: StorageFacts): Promise<Response> {
  try {
    if (await storage.isThere()) return Response.json({ status: "ok" });
    return Response.json(
      { status: "failing", reason: "the storage does not hold this registry any more" },
      { status: 503 },
    );
  } catch (error) {
    return Response.json({ status: "failing", reason: errorText(error) }, { status: 503 });
  }
}

async function answerRetention(request: Request, { catalog, rules, metrics, log }: DebugParts): Promise<Response> {
  if (rules.length === 0) return text(404, "there are no retention rules\n");
  if (request.method === "GET") return text(200, await dryRunText(catalog, rules));
  if (request.method !== "POST") return text(405, "GET shows what would be removed, POST removes it\n");
  await retentionRun(catalog, rules, { log, metrics });
  return text(200, "done\n");
}

function text(status: number, body: string): Response {
  return new Response(body, { status, headers: { "Content-Type": "text/plain; charset=utf-8" } });
}
