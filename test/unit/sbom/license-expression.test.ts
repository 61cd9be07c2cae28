/** Licences as packages write them, and what an SPDX document may say of them. */
import { describe, expect, test } from "bun:test";
import type { DeclaredLicense } from "../../../src/sbom/found-package.ts";
import { LicenseTable } from "../../../src/sbom/license-expression.ts";

function said(notation: DeclaredLicense["notation"], ...values: string[]): string {
  return new LicenseTable().expression({ notation, values });
}

describe("expressions of SPDX identifiers", () => {
  test.each([
    ["MIT", "MIT"],
    ["mit", "MIT"],
    ["Apache-2.0 OR MIT", "Apache-2.0 OR MIT"],
    ["apache-2.0 or mit", "Apache-2.0 OR MIT"],
    ["MIT AND (BSD-2-Clause OR ISC)", "MIT AND (BSD-2-Clause OR ISC)"],
    ["(MIT)", "MIT"],
    ["((MIT AND ISC))", "MIT AND ISC"],
    ["MIT OR ISC AND Zlib", "MIT OR ISC AND Zlib"],
    ["MIT AND MIT", "MIT"],
    ["MIT/Apache-2.0", "MIT OR Apache-2.0"],
    ["GPL-2.0", "GPL-2.0-only"],
    ["GPL-2.0+", "GPL-2.0-or-later"],
    ["GPLv2+ and LGPLv2+", "GPL-2.0-or-later AND LGPL-2.0-or-later"],
    ["GPL-2.0-or-later WITH Classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"],
    ["Apache License, Version 2.0", "Apache-2.0"],
    ["ASL 2.0", "Apache-2.0"],
    ["UNKNOWN", "NOASSERTION"],
    ["UNLICENSED", "NOASSERTION"],
    ["", "NOASSERTION"],
    ["SEE LICENSE IN LICENSE.md", "LicenseRef-SEE-LICENSE-IN-LICENSE.md"],
    ["Public domain and MIT with advertising", "LicenseRef-Public-domain-and-MIT-with-advertising"],
    ["MIT AND", "LicenseRef-MIT-AND"],
    ["MIT)", "LicenseRef-MIT"],
    ["(MIT", "LicenseRef-MIT"],
    ["()", "LicenseRef-unnamed"],
    ["🐻", "LicenseRef-unnamed"],
  ])("%s: %s", (text, expected) => {
    expect(said("spdx", text)).toBe(expected);
  });
});

test("texts that are too long or too deep to be expressions", () => {
  expect(said("spdx", "(".repeat(2000))).toBe("LicenseRef-unnamed");
  expect(said("spdx", "x".repeat(5000))).toBe("NOASSERTION");
});

describe("Debian's short names", () => {
  test.each([
    [["GPL-2+"], "GPL-2.0-or-later"],
    [["GPL-3"], "GPL-3.0-only"],
    [["LGPL-2.1+"], "LGPL-2.1-or-later"],
    [["Expat"], "MIT"],
    [["BSD-3-clause"], "BSD-3-Clause"],
    [["Artistic or GPL-1+"], "Artistic-1.0-Perl OR GPL-1.0-or-later"],
    [["GPL-2+, or LGPL-3+"], "GPL-2.0-or-later OR LGPL-3.0-or-later"],
    [["GPL-3+ with Bison exception"], "GPL-3.0-or-later WITH Bison-exception-2.2"],
    [["GPL-3+ with autoconf exception"], "LicenseRef-GPL-3-with-autoconf-exception"],
    [["GFDL-1.3+"], "GFDL-1.3-or-later"],
    [["GFDL-NIV-1.3+"], "GFDL-1.3-no-invariants-or-later"],
    [["public-domain"], "LicenseRef-public-domain"],
    [["Expat", "Expat", "GPL-2 or GPL-3"], "MIT AND (GPL-2.0-only OR GPL-3.0-only)"],
    [["Apache-2.0", "Apache-2.0 and Expat"], "Apache-2.0 AND MIT"],
  ])("%j: %s", (values, expected) => {
    expect(said("debian", ...values)).toBe(expected);
  });
});

test("words of the maker's own are never taken apart", () => {
  expect(said("text", "MIT License", "Free and open")).toBe("MIT AND LicenseRef-Free-and-open");
});

test("every made-up identifier is told with its words; equal words have one, different words never the same", () => {
  const table = new LicenseTable();
  const expression = (value: string) => table.expression({ notation: "text", values: [value] });
  expect(expression("My License")).toBe("LicenseRef-My-License");
  expect(expression("My-License")).toBe("LicenseRef-My-License-2");
  expect(expression("My License")).toBe("LicenseRef-My-License");
  expect([...table.references]).toEqual([
    ["LicenseRef-My-License", "My License"],
    ["LicenseRef-My-License-2", "My-License"],
  ]);
});
