/**
 * The import rule of the house (docs/architecture.md): a folder imports only from floors below its own; folders on one
 * floor know each other only through a contract.ts; cli/ sees only lib/, model/, compose/, distribution/ and signature/, and the
 * files named in CLI_MAY_IMPORT_FILES; bun:ffi stays in linux/; the engine and everything below imports no module for
 * HTTP; only daemon/ imports implementations across domains (types may be named).
 */
import { dirname, join, normalize } from "node:path";

const FLOOR: Record<string, number> = {
  "main.ts": 8,
  cli: 7,
  daemon: 7,
  api: 6,
  kube: 5,
  build: 5,
  registry: 5,
  compose: 4,
  engine: 4,
  image: 3,
  network: 3,
  volume: 3,
  signature: 3,
  sbom: 3,
  distribution: 2,
  dns: 2,
  runtime: 2,
  store: 2,
  linux: 1,
  lib: 1,
  model: 1,
};
const CLI_MAY_IMPORT = new Set(["cli", "lib", "model", "compose", "distribution", "signature"]);
/** Of linux/ the client needs what scans a build's context: loaded only by `build`. */
const CLI_MAY_IMPORT_FILES = new Set(["src/linux/tree-scan.ts"]);
/** Domains whose insides only their own folder and daemon/ may import; everyone else uses the contract. */
const BEHIND_CONTRACT = new Set(["image", "network", "volume", "runtime", "store", "engine"]);
const HTTP_MODULES = /^(node:)?(http|https|http2)$/;
const IMPORT = /^\s*(?:import|export)\s([^"';]*?)from\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|^\s*import\s+"([^"]+)"/gm;

/** The room of a file: the folder directly under src/, or "main.ts". */
function roomOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function findingFor(file: string, specifier: string, isTypeOnly: boolean): string | undefined {
  const room = roomOf(file);
  const floor = FLOOR[room];
  if (floor === undefined) return `the folder src/${room} has no floor`;
  if (specifier === "bun:ffi" && room !== "linux") return "bun:ffi is imported outside src/linux";
  if (HTTP_MODULES.test(specifier) && floor <= 4) return `${specifier}: the engine and what lies below knows no HTTP`;
  if (!specifier.startsWith(".")) return undefined;
  const target = normalize(join(dirname(file), specifier));
  if (!target.startsWith("src/")) return undefined;
  const targetRoom = roomOf(target);
  if (targetRoom === room) return undefined;
  const targetFloor = FLOOR[targetRoom];
  if (targetFloor === undefined) return `imports src/${targetRoom}, which has no floor`;
  const isContract = target.endsWith("/contract.ts");
  if (room === "cli" && !CLI_MAY_IMPORT.has(targetRoom) && !CLI_MAY_IMPORT_FILES.has(target))
    return `cli/ may not import ${targetRoom}/ (${specifier})`;
  if (targetFloor > floor) return `imports upwards: ${targetRoom}/ lies above ${room}/ (${specifier})`;
  if (targetFloor === floor && !isContract && floor > 1)
    return `${targetRoom}/ is on the same floor; use its contract.ts`;
  if (BEHIND_CONTRACT.has(targetRoom) && !isContract && !isTypeOnly && room !== "daemon") {
    return `imports an implementation of ${targetRoom}/; only daemon/ may (${specifier})`;
  }
  return undefined;
}

let failures = 0;
for await (const file of new Bun.Glob("src/**/*.ts").scan()) {
  const text = await Bun.file(file).text();
  for (const match of text.matchAll(IMPORT)) {
    const isTypeOnly = (match[1] ?? "").trimStart().startsWith("type ");
    const finding = findingFor(file, match[2] ?? match[3] ?? match[4] ?? "", isTypeOnly);
    if (!finding) continue;
    console.error(`${file}: ${finding}`);
    failures++;
  }
}
process.exit(failures > 0 ? 1 : 0);
