/** Alpine's packages: apk's database of what is installed (apk's "installed" file: one letter, a colon, a value). */
import type { FoundPackage } from "./found-package.ts";
import { readText, type Scan, shownPath } from "./scan.ts";

const PLACES = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];
const MAX_BYTES = 128 * 1024 * 1024;

export function readApkPackages(scan: Scan): void {
  // On a merged /usr both lead to one file.
  const file = PLACES.map((path) => scan.tree.findFile(path)).find((found) => found !== undefined);
  const text = file && readText(scan, file, MAX_BYTES);
  if (text === undefined) return;
  for (const record of text.split("\n\n")) {
    const fields = readRecord(record);
    const name = fields.get("P");
    const version = fields.get("V");
    if (name && version) scan.add(describe(scan, fields, { name, version, foundIn: shownPath(file!) }));
  }
}

function readRecord(record: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of record.split("\n")) {
    // From the first file on (F:, R:, a:, Z:) nothing more is of the package itself.
    if (line.startsWith("F:")) break;
    if (line[1] === ":" && !fields.has(line[0]!)) fields.set(line[0]!, line.slice(2).trim());
  }
  return fields;
}

function describe(
  { os }: Scan,
  fields: Map<string, string>,
  { name, version, foundIn }: { name: string; version: string; foundIn: string },
): FoundPackage {
  const license = fields.get("L");
  const maintainer = fields.get("m");
  const origin = fields.get("o");
  return {
    type: "apk",
    namespace: os?.id ?? "alpine",
    name,
    version,
    qualifiers: {
      arch: fields.get("A"),
      distro: os && (os.versionId === "" ? os.id : `${os.id}-${os.versionId}`),
      upstream: origin === name ? undefined : origin,
    },
    license: license ? { notation: "spdx", values: [license] } : undefined,
    supplier: maintainer ? { kind: "Person", name: maintainer } : undefined,
    homepage: fields.get("U"),
    summary: fields.get("T"),
    foundIn,
  };
}
