/** A package that was found in an image, as every kind of database tells it. */

/** Types of package URLs (the purl specification's list). */
type PackageType = "deb" | "apk" | "rpm" | "npm" | "pypi" | "maven" | "golang" | "gem" | "cargo" | "composer";

export interface FoundPackage {
  type: PackageType;
  /** Before the name in a package URL: a distribution, a scope, a group; parts parted by "/". */
  namespace?: string;
  name: string;
  /** Empty when nothing tells it. */
  version: string;
  /** Qualifiers of the package URL. */
  qualifiers?: Record<string, string | undefined>;
  /** Licences as the package writes them; undefined when it says nothing. */
  license?: DeclaredLicense;
  /** Who made it: "Name <mail>" or a name. */
  supplier?: { kind: "Person" | "Organization"; name: string };
  homepage?: string;
  summary?: string;
  /** Where it was found, from the image's root. */
  foundIn: string;
}

/** `spdx`: an expression of SPDX identifiers, to be checked; `debian`: short names of Debian's copyright format; `text`: in the maker's words. */
export interface DeclaredLicense {
  notation: "spdx" | "debian" | "text";
  /** Several: all of them apply. */
  values: string[];
}

export interface OperatingSystem {
  /** "debian". */
  id: string;
  /** "12"; empty for rolling ones. */
  versionId: string;
  /** "Debian GNU/Linux 12 (bookworm)". */
  prettyName: string;
}

/** Everything that was found, in a fixed order. */
export interface Inventory {
  os?: OperatingSystem;
  packages: FoundPackage[];
  /** What could not be read, in words. */
  notes: string[];
}
