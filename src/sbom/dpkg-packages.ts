/** Debian's packages: dpkg's status file, or a file a package where there is no dpkg (distroless images). */

import { type Fields, paragraphs } from "./control-file.ts";
import { debianLicenses } from "./debian-copyright.ts";
import type { DeclaredLicense, FoundPackage } from "./found-package.ts";
import type { TreeFile } from "./image-tree.ts";
import { readText, type Scan, shownPath } from "./scan.ts";

const STATUS = "var/lib/dpkg/status";
const STATUS_DIRECTORY = "var/lib/dpkg/status.d";
const MAX_STATUS_BYTES = 128 * 1024 * 1024;
const MAX_COPYRIGHT_BYTES = 8 * 1024 * 1024;

export function readDpkgPackages(scan: Scan): void {
  const status = scan.tree.findFile(STATUS);
  if (status) addPackages(scan, status, isInstalled);
  for (const file of scan.tree.listFiles(STATUS_DIRECTORY)) {
    if (!file.path.endsWith(".md5sums")) addPackages(scan, file, () => true);
  }
}

function isInstalled(fields: Fields): boolean {
  // "want flag status"; what was removed but for its configuration is no longer there.
  return /\sinstalled$/.test(fields.get("status") ?? "");
}

function addPackages(scan: Scan, file: TreeFile, counts: (fields: Fields) => boolean): void {
  const text = readText(scan, file, MAX_STATUS_BYTES);
  if (text === undefined) return;
  for (const fields of paragraphs(text)) {
    const name = fields.get("package");
    const version = fields.get("version");
    if (!name || !version || !counts(fields)) continue;
    scan.add(describe(scan, fields, { name, version, foundIn: shownPath(file) }));
  }
}

function describe(
  scan: Scan,
  fields: Fields,
  { name, version, foundIn }: { name: string; version: string; foundIn: string },
): FoundPackage {
  const { os } = scan;
  const distribution = os?.id ?? "debian";
  return {
    type: "deb",
    namespace: distribution,
    name,
    version,
    qualifiers: {
      arch: fields.get("architecture"),
      distro: os && (os.versionId === "" ? os.id : `${os.id}-${os.versionId}`),
      upstream: fields.get("source")?.replace(/ \((.*)\)$/, "@$1"),
    },
    license: findLicense(scan, name),
    supplier: readMaintainer(fields.get("maintainer")),
    homepage: fields.get("homepage"),
    summary: fields.get("description")?.split("\n")[0],
    foundIn,
  };
}

function findLicense(scan: Scan, name: string): DeclaredLicense | undefined {
  if (name.includes("/")) return undefined;
  const file = scan.tree.findFile(`usr/share/doc/${name}/copyright`);
  const text = file && scan.tree.readFile(file, MAX_COPYRIGHT_BYTES)?.toString();
  const values = text === undefined ? [] : debianLicenses(text);
  return values.length === 0 ? undefined : { notation: "debian", values };
}

/** "Debian Bash Maintainers <x@y>": by name one cannot tell people from teams, and most are teams. */
function readMaintainer(maintainer: string | undefined): FoundPackage["supplier"] {
  return maintainer ? { kind: "Organization", name: maintainer.replace(/\s+/g, " ") } : undefined;
}
