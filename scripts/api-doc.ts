/**
 * Writes docs/api.md from the router's table: one row per endpoint of the Engine API specification with its state.
 * usage: scripts/api-doc.ts [--check]   --check: fails when the file is not what would be written
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OPERATIONS, type Operation } from "../src/api/operations.ts";
import { isServed } from "../src/api/router.ts";
import { apiHandlers } from "../src/api/server.ts";
import { API_VERSION, MIN_API_VERSION } from "../src/lib/version.ts";

/** The handlers are only listed, never called. */
const handlers = apiHandlers({
  engine: {},
  builder: {},
  classicBuilder: {},
  imageMaker: {},
  registries: {},
  sboms: {},
  automation: {},
} as never);

function stateOf(operation: Operation): string {
  if (isServed(operation, handlers)) return "served";
  if (operation.refusal?.kind === "no-swarm") return "answers as docker outside a swarm";
  if (operation.refusal?.kind === "no-plugins") return "answers as docker without plugins";
  if (operation.refusal?.kind === "later") return `501 (${operation.refusal.issue})`;
  throw new Error(`${operation.id} has no state`);
}

function page(): string {
  const served = OPERATIONS.filter((operation) => isServed(operation, handlers)).length;
  const lines = [
    "# The Engine API, endpoint by endpoint",
    "",
    "Written by `scripts/api-doc.ts` from the router's table; do not edit.",
    "",
    `naru speaks versions ${MIN_API_VERSION} to ${API_VERSION} of the Docker Engine API, and serves ${served} of the ` +
      `${OPERATIONS.length} operations below. Those that are yet to come answer 501 with ` +
      "Docker's error body. On a machine outside a swarm and without plugins Docker itself refuses a good part of its API; " +
      "there naru answers as docker 28.5 does, word for word ([why](decisions/0007-what-is-not-there.md)).",
  ];
  for (const tag of new Set(OPERATIONS.map((operation) => operation.tag))) {
    lines.push("", `## ${tag}`, "", "| | path | what | state |", "| --- | --- | --- | --- |");
    for (const operation of OPERATIONS.filter((candidate) => candidate.tag === tag)) {
      lines.push(`| ${operation.method} | \`${operation.path}\` | ${operation.summary} | ${stateOf(operation)} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

const target = join(import.meta.dir, "../docs/api.md");
if (process.argv.includes("--check")) {
  if ((await readFile(target, "utf8").catch(() => "")) !== page()) {
    console.error("docs/api.md is out of date: run scripts/api-doc.ts");
    process.exit(1);
  }
} else {
  await writeFile(target, page());
}
