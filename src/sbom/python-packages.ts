/** Python's packages: the metadata of wheels (*.dist-info) and of older installations (*.egg-info). */
import { headers } from "./control-file.ts";
import type { DeclaredLicense, FoundPackage } from "./found-package.ts";
import { type FileReader, readText, shownPath } from "./scan.ts";

const METADATA = /\.dist-info\/METADATA$|\.egg-info\/PKG-INFO$|\.egg-info$/;
/** The description, which may be a whole book, follows the headers. */
const MAX_BYTES = 16 * 1024 * 1024;
const LICENSE_PREFIX = "License ::";
/** A licence field may hold the whole text. */
const MAX_LICENSE_LENGTH = 100;

export const pythonPackages: FileReader = {
  accepts: ({ path }, name) =>
    (name === "METADATA" || name === "PKG-INFO" || name.endsWith(".egg-info")) && METADATA.test(path),
  read(scan, file) {
    const text = readText(scan, file, MAX_BYTES);
    const fields = text === undefined ? undefined : headers(text);
    const name = fields?.get("name")?.[0];
    if (!fields || !name) return;
    const author = fields.get("author")?.[0] || fields.get("author-email")?.[0];
    scan.add({
      type: "pypi",
      // The index takes these for one name (PEP 503).
      name: name.toLowerCase().replace(/[-_.]+/g, "-"),
      version: fields.get("version")?.[0] ?? "",
      license: licenseOf(fields),
      supplier: known(author) ? { kind: "Person", name: author!.replace(/\s+/g, " ") } : undefined,
      homepage: known(fields.get("home-page")?.[0]),
      summary: known(fields.get("summary")?.[0]),
      foundIn: shownPath(file),
    } satisfies FoundPackage);
  },
};

/** Old tools wrote UNKNOWN where nothing was said. */
function known(value: string | undefined): string | undefined {
  return value && value !== "UNKNOWN" ? value : undefined;
}

function licenseOf(fields: Map<string, string[]>): DeclaredLicense | undefined {
  const expression = known(fields.get("license-expression")?.[0]);
  if (expression) return { notation: "spdx", values: [expression] };
  const license = known(fields.get("license")?.[0]);
  if (license && license.length <= MAX_LICENSE_LENGTH && !license.includes("\n")) {
    return { notation: "spdx", values: [license] };
  }
  const classified = (fields.get("classifier") ?? []).filter((classifier) => classifier.startsWith(LICENSE_PREFIX));
  const names = classified.map((classifier) => classifier.split("::").at(-1)!.trim());
  const told = names.filter((name) => name !== "OSI Approved");
  return told.length === 0 ? undefined : { notation: "text", values: told };
}
