/** Short names of licences in Debian's copyright files (copyright-format 1.0, "License short name") as SPDX identifiers. */

const NAMES: Readonly<Record<string, string>> = {
  expat: "MIT",
  artistic: "Artistic-1.0-Perl",
  "artistic-1": "Artistic-1.0-Perl",
  "artistic-2": "Artistic-2.0",
  "apache-2": "Apache-2.0",
  "bsd-2": "BSD-2-Clause",
  "bsd-3": "BSD-3-Clause",
  "cc0-1": "CC0-1.0",
  cc0: "CC0-1.0",
  "cc-by-3": "CC-BY-3.0",
  "cc-by-4": "CC-BY-4.0",
  "cc-by-sa-3": "CC-BY-SA-3.0",
  "cc-by-sa-4": "CC-BY-SA-4.0",
  "mpl-1": "MPL-1.0",
  "mpl-2": "MPL-2.0",
  "zlib/libpng": "Zlib",
  "python-2": "Python-2.0",
  "psf-2": "PSF-2.0",
  "gpl-2+-autoconf-exception": "GPL-2.0-or-later WITH Autoconf-exception-2.0",
  "gpl-3+-autoconf-exception": "GPL-3.0-or-later WITH Autoconf-exception-3.0",
};
const WITH_EXCEPTION: Readonly<Record<string, string>> = {
  "gcc exception": "GCC-exception-3.1",
  "bison exception": "Bison-exception-2.2",
  "libtool exception": "Libtool-exception",
  "classpath exception": "Classpath-exception-2.0",
  "font exception": "Font-exception-2.0",
  "linux-syscall-note exception": "Linux-syscall-note",
};
const GNU = /^(gpl|lgpl|agpl)-(\d)(?:\.(\d))?(?:\.0)?(\+)?$/;
const FREE_DOCUMENTATION = /^gfdl(-niv)?-(\d\.\d)(\+)?$/;

/** Undefined for names that are not Debian's own. */
export function debianLicenseName(name: string): string | undefined {
  const lower = name.toLowerCase();
  const known = NAMES[lower];
  if (known !== undefined) return known;
  const [, base, exception] = /^(\S+) with (.+)$/.exec(lower) ?? [];
  const spdxException = exception === undefined ? undefined : WITH_EXCEPTION[exception];
  const gnu = gnuName(base ?? lower);
  if (exception !== undefined) return gnu && spdxException && `${gnu} WITH ${spdxException}`;
  return gnu ?? freeDocumentationName(lower);
}

function gnuName(lower: string): string | undefined {
  const [whole, family = "", major, minor = "0", later] = GNU.exec(lower) ?? [];
  if (whole === undefined) return undefined;
  return `${family.toUpperCase()}-${major}.${minor}-${later ? "or-later" : "only"}`;
}

function freeDocumentationName(lower: string): string | undefined {
  const [whole, noInvariants, version, later] = FREE_DOCUMENTATION.exec(lower) ?? [];
  if (whole === undefined) return undefined;
  return `GFDL-${version}${noInvariants ? "-no-invariants" : ""}-${later ? "or-later" : "only"}`;
}
