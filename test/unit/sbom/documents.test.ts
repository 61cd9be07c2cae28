/** The documents: valid by the rules, the same for the same image, and not to be broken by what strangers call things. */
import { describe, expect, test } from "bun:test";
import { cycloneDxDocument } from "../../../src/sbom/cyclonedx-document.ts";
import type { FoundPackage, Inventory } from "../../../src/sbom/found-package.ts";
import { packageTable } from "../../../src/sbom/package-table.ts";
import { packageUrl } from "../../../src/sbom/package-url.ts";
import { spdxDocument, spdxTime } from "../../../src/sbom/spdx-document.ts";
import { spdxTagValue } from "../../../src/sbom/spdx-tag-value.ts";
import { spdxFaults } from "../../support/spdx-rules.ts";

const subject = {
  digest: `sha256:${"ab".repeat(32)}` as const,
  createdAt: "2026-01-02T03:04:05.678Z",
  architecture: "amd64",
  os: "linux",
  layers: [],
};
const plain: FoundPackage = {
  type: "deb",
  namespace: "debian",
  name: "libc6",
  version: "2.36-9+deb12u1",
  qualifiers: { arch: "amd64", distro: "debian-12", upstream: undefined },
  license: { notation: "debian", values: ["LGPL-2.1+", "weird (stuff)"] },
  supplier: { kind: "Organization", name: "GNU Libc Maintainers <x@y.test>" },
  homepage: "https://www.gnu.org/",
  summary: "library",
  foundIn: "/var/lib/dpkg/status",
};
const hostile: FoundPackage = {
  type: "npm",
  namespace: "@evil\n",
  name: 'x"y</text>\nRelationship: SPDXRef-DOCUMENT DESCRIBES NONE\u0000\ud800',
  version: "1</text>\nSPDXID: SPDXRef-x",
  license: { notation: "spdx", values: ["<text>\nLicenseID: LicenseRef-x"] },
  supplier: { kind: "Person", name: "a\nb <c>\n" },
  homepage: "javascript:alert(1)",
  summary: "</text>\nPackageName: injected",
  foundIn: "/x\n</text>PackageName: y",
};
const inventory = (packages: FoundPackage[], notes: string[] = []): Inventory => ({
  os: { id: "debian", versionId: "12", prettyName: "Debian GNU/Linux 12" },
  packages,
  notes,
});
const documentOf = (...packages: FoundPackage[]) => spdxDocument(subject, inventory(packages));

describe.each([
  ["plain", [plain]],
  ["hostile", [hostile]],
  ["hostile, often", [hostile, { ...hostile, name: `${hostile.name}!` }, { ...hostile, name: `${hostile.name}?` }]],
  ["empty", []],
  ["without a version", [{ ...plain, version: "" }]],
] as [string, FoundPackage[]][])("%s", (_, packages) => {
  test("is valid SPDX 2.3", () => {
    expect(spdxFaults(JSON.parse(JSON.stringify(documentOf(...packages))))).toEqual([]);
  });

  test("its tag-value form says no more than it", () => {
    const document = documentOf(...packages);
    const lines = spdxTagValue(document).split("\n");
    const count = (tag: string) => lines.filter((line) => line.startsWith(`${tag}: `)).length;
    expect(count("PackageName")).toBe(document.packages.length);
    expect(count("SPDXID")).toBe(document.packages.length + 1);
    expect(count("Relationship")).toBe(document.relationships.length);
    expect(count("LicenseID")).toBe(document.hasExtractedLicensingInfos?.length ?? 0);
    for (const line of lines) expect(line === "" || /^[A-Za-z]+: ./.test(line)).toBe(true);
  });
});

test("the checker itself finds faults", () => {
  const broken = (change: (document: ReturnType<typeof documentOf>) => void) => {
    const document = structuredClone(documentOf(plain));
    change(document);
    return spdxFaults(JSON.parse(JSON.stringify(document)));
  };
  expect(broken((document) => (document.packages[2]!.SPDXID = "SPDXRef-Image"))).not.toEqual([]);
  expect(broken((document) => (document.packages[2]!.licenseDeclared = "GPLish"))).not.toEqual([]);
  expect(broken((document) => (document.packages[2]!.licenseDeclared = "MIT AND OR ISC"))).not.toEqual([]);
  expect(broken((document) => (document.creationInfo.created = "2026-01-02T03:04:05.678Z"))).not.toEqual([]);
  expect(broken((document) => (document.relationships[1]!.relatedSpdxElement = "SPDXRef-nobody"))).not.toEqual([]);
});

test("a package in all of its parts", () => {
  const document = documentOf(plain);
  expect(document.packages.at(-1)).toEqual({
    SPDXID: "SPDXRef-Package-deb-libc6-2.36-9-deb12u1",
    name: "libc6",
    versionInfo: "2.36-9+deb12u1",
    supplier: "Organization: GNU Libc Maintainers (x@y.test)",
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    homepage: "https://www.gnu.org/",
    sourceInfo: "found in /var/lib/dpkg/status",
    licenseConcluded: "NOASSERTION",
    licenseDeclared: "LGPL-2.1-or-later AND LicenseRef-weird-stuff",
    copyrightText: "NOASSERTION",
    summary: "library",
    externalRefs: [
      {
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64&distro=debian-12",
      },
    ],
  });
  expect(document.creationInfo.created).toBe("2026-01-02T03:04:05Z");
  expect(document.documentNamespace).toEndWith(
    "/image-sha256-abababababababababababababababababababababababababababababababab",
  );
});

test("equal images give equal bytes; another image another namespace; what was not read is told", () => {
  expect(JSON.stringify(documentOf(plain))).toBe(JSON.stringify(documentOf(plain)));
  const other = spdxDocument(
    { ...subject, digest: `sha256:${"cd".repeat(32)}` },
    inventory([plain], ["/x was not read"]),
  );
  expect(other.documentNamespace).not.toBe(documentOf(plain).documentNamespace);
  expect(other.creationInfo.comment).toBe("/x was not read");
  expect(spdxTagValue(other)).toContain("CreatorComment: <text>/x was not read</text>");
  expect(packageTable(other)).toContain("note: /x was not read");
});

test.each([
  ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"],
  ["2026-01-02T03:04:05.999999999+02:00", "2026-01-02T01:04:05Z"],
  ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"],
  ["", "1970-01-01T00:00:00Z"],
])("the date %s is %s", (createdAt, expected) => {
  expect(spdxTime(createdAt)).toBe(expected);
});

test("CycloneDX says the same", () => {
  const document = documentOf(plain, hostile);
  const bom = JSON.parse(JSON.stringify(cycloneDxDocument(subject, document)));
  expect(bom).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.5", version: 1 });
  expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(bom.metadata.timestamp).toBe("2026-01-02T03:04:05Z");
  expect(bom.components.map(({ type }: { type: string }) => type)).toEqual(["operating-system", "library", "library"]);
  expect(bom.components[1]).toMatchObject({
    name: "libc6",
    purl: packageUrl(plain),
    licenses: [{ expression: "LGPL-2.1-or-later AND LicenseRef-weird-stuff" }],
    supplier: { name: "GNU Libc Maintainers (x@y.test)" },
  });
  expect(bom.components[2].licenses).toEqual([{ license: { name: "<text> LicenseID: LicenseRef-x" } }]);
  const refs = new Set([
    bom.metadata.component["bom-ref"],
    ...bom.components.map((one: Record<string, string>) => one["bom-ref"]),
  ]);
  expect(refs.size).toBe(4);
  for (const { ref, dependsOn } of bom.dependencies)
    for (const one of [ref, ...dependsOn]) expect(refs.has(one)).toBe(true);
});

test("a table for people", () => {
  expect(packageTable(documentOf(plain)).split("\n")).toEqual([
    "NAME    VERSION          TYPE   LICENSE",
    "libc6   2.36-9+deb12u1   deb    LGPL-2.1-or-later AND LicenseRef-weird-stuff",
    "",
  ]);
});

test.each([
  [{ type: "npm", namespace: "@s", name: "a", version: "1" }, "pkg:npm/%40s/a@1"],
  [
    { type: "golang", namespace: "github.com/a", name: "b", version: "v1.0.0+incompatible" },
    "pkg:golang/github.com/a/b@v1.0.0%2Bincompatible",
  ],
  [
    { type: "deb", name: "x", version: "1:2~3", qualifiers: { b: "2", a: "1 x", c: undefined } },
    "pkg:deb/x@1:2~3?a=1%20x&b=2",
  ],
  [{ type: "gem", name: "a/b?c#d@e", version: "" }, "pkg:gem/a%2Fb%3Fc%23d%40e"],
] as [Omit<FoundPackage, "foundIn">, string][])("the URL of %j", (found, expected) => {
  expect(packageUrl({ ...found, foundIn: "" })).toBe(expected);
});
