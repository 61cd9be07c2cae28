/** Ruby's gems: the specifications that RubyGems writes when it installs one. They are programs; only plain texts are read. */
import { type FileReader, readText, shownPath } from "./scan.ts";

const SPECIFICATION = /(?:^|\/)specifications\/(?:default\/)?[^/]+\.gemspec$/;
const MAX_BYTES = 4 * 1024 * 1024;

export const rubyPackages: FileReader = {
  accepts: ({ path }, name) => name.endsWith(".gemspec") && SPECIFICATION.test(path),
  read(scan, file) {
    const text = readText(scan, file, MAX_BYTES);
    const gem = text === undefined ? undefined : parseGemSpecification(text);
    if (!gem) return;
    const { licenses, author, ...described } = gem;
    scan.add({
      type: "gem",
      ...described,
      license: licenses.length > 0 ? { notation: "spdx", values: [licenses.join(" OR ")] } : undefined,
      supplier: author ? { kind: "Person", name: author } : undefined,
      foundIn: shownPath(file),
    });
  },
};

interface GemSpecification {
  name: string;
  version: string;
  licenses: string[];
  author?: string;
  homepage?: string;
  summary?: string;
}

function parseGemSpecification(text: string): GemSpecification | undefined {
  const one = (field: string) => texts(new RegExp(`^\\s*\\w+\\.${field}\\s*=\\s*(.+)$`, "m").exec(text)?.[1])[0];
  const all = (field: string) => texts(new RegExp(`^\\s*\\w+\\.${field}\\s*=\\s*\\[(.*?)\\]`, "ms").exec(text)?.[1]);
  const name = one("name");
  const version = one("version");
  if (!name || !version) return undefined;
  const license = one("license");
  return {
    name,
    version,
    licenses: license ? [license] : all("licenses"),
    author: all("authors")[0],
    homepage: one("homepage"),
    summary: one("summary"),
  };
}

/** The quoted texts of a piece of Ruby: "MIT".freeze, 'a'. */
function texts(ruby: string | undefined): string[] {
  return [...(ruby ?? "").matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/g)].map((match) =>
    (match[1] ?? match[2] ?? "").replace(/\\(.)/g, "$1"),
  );
}
