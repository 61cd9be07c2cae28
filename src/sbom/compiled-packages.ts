/** Packages compiled into programs: Go's build information, and the list that `cargo auditable` puts into Rust programs. */
import { inflateSync } from "node:zlib";
import { type ElfFile, readElf } from "./elf-file.ts";
import type { FoundPackage } from "./found-package.ts";
import { findGoBuildInfo, parseGoModules } from "./go-build-info.ts";
import type { OpenFile } from "./image-tree.ts";
import { type FileReader, isObject, parseJsonObject, type Scan, shownPath, textOf } from "./scan.ts";

const RUST_SECTION = ".dep-v0";
const MAX_LIST_BYTES = 16 * 1024 * 1024;
/** No program is smaller than its header. */
const MIN_PROGRAM_BYTES = 64;

export const compiledPackages: FileReader = {
  accepts: (file) => file.isExecutable && file.size > MIN_PROGRAM_BYTES,
  read(scan, file) {
    using open = scan.tree.openFile(file);
    const elf = readElf(open);
    if (!elf) return;
    const foundIn = shownPath(file);
    const go = findGoBuildInfo(open, elf);
    if (go) for (const { name, version } of goPackages(go)) scan.add(golangPackage(name, version, foundIn));
    addCrates(scan, open, elf, foundIn);
  },
};

function* goPackages({ version, modules }: { version: string; modules: string }) {
  yield { name: "stdlib", version: version.replace(/^go/, "").split(" ")[0]! };
  yield* parseGoModules(modules);
}

function golangPackage(module: string, version: string, foundIn: string): FoundPackage {
  const slash = module.lastIndexOf("/");
  return {
    type: "golang",
    namespace: slash < 0 ? undefined : module.slice(0, slash),
    name: module.slice(slash + 1),
    // What was built from a working tree has no version.
    version: version === "(devel)" ? "" : version,
    foundIn,
  };
}

function addCrates(scan: Scan, open: OpenFile, elf: ElfFile, foundIn: string): void {
  const section = elf.sections.find(({ name }) => name === RUST_SECTION);
  if (!section || section.size > MAX_LIST_BYTES) return;
  let text: string;
  try {
    text = inflateSync(open.read(section.offset, section.size), { maxOutputLength: MAX_LIST_BYTES }).toString();
  } catch {
    scan.note(`${foundIn}: its list of Rust packages is damaged`);
    return;
  }
  const packages = parseJsonObject(text)?.packages;
  for (const entry of Array.isArray(packages) ? packages : []) {
    const name = isObject(entry) ? textOf(entry.name) : undefined;
    // What only building needed is not in the program.
    if (name === undefined || entry.kind === "build") continue;
    scan.add({ type: "cargo", name, version: textOf(entry.version) ?? "", foundIn });
  }
}
