/** The SPDX 2.3 document of an image, in the shape of its JSON form. Equal images give equal documents, whoever makes them. */
import { NARU_VERSION } from "../lib/version.ts";
import type { SbomSubject } from "./contract.ts";
import type { FoundPackage, Inventory } from "./found-package.ts";
import { LicenseTable, NO_ASSERTION } from "./license-expression.ts";
import { packageUrl } from "./package-url.ts";

export interface SpdxPackage {
  SPDXID: string;
  name: string;
  versionInfo?: string;
  supplier?: string;
  downloadLocation: string;
  filesAnalyzed: false;
  checksums?: { algorithm: string; checksumValue: string }[];
  homepage?: string;
  sourceInfo?: string;
  licenseConcluded: string;
  licenseDeclared: string;
  copyrightText: string;
  summary?: string;
  externalRefs?: { referenceCategory: string; referenceType: string; referenceLocator: string }[];
  primaryPackagePurpose?: string;
}

export interface SpdxDocument {
  spdxVersion: "SPDX-2.3";
  dataLicense: "CC0-1.0";
  SPDXID: "SPDXRef-DOCUMENT";
  name: string;
  documentNamespace: string;
  creationInfo: { created: string; creators: string[]; comment?: string };
  documentDescribes: string[];
  packages: SpdxPackage[];
  hasExtractedLicensingInfos?: { licenseId: string; name: string; extractedText: string }[];
  relationships: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
}

const DOCUMENT = "SPDXRef-DOCUMENT";
const IMAGE = "SPDXRef-Image";
const EPOCH = "1970-01-01T00:00:00Z";

export function spdxDocument(subject: SbomSubject, inventory: Inventory): SpdxDocument {
  const { digest } = subject;
  const hex = digest.slice("sha256:".length);
  const licenses = new LicenseTable();
  const ids = new Set<string>([DOCUMENT, IMAGE]);
  const packages = inventory.packages.map((found) => spdxPackage(found, licenses, ids));
  const system = operatingSystem(inventory);
  const listed = [...(system ? [system] : []), ...packages];
  const comment = inventory.notes.join("\n");
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name: `container image ${digest}`,
    // Another version of naru may read more, so its document of the same image is another one.
    documentNamespace: `https://spdx.org/spdxdocs/naru-${NARU_VERSION}/image-sha256-${hex}`,
    creationInfo: {
      created: spdxTime(subject.createdAt),
      creators: ["Organization: naru", `Tool: naru-${NARU_VERSION}`],
      ...(comment === "" ? {} : { comment }),
    },
    documentDescribes: [IMAGE],
    packages: [imagePackage(subject, hex), ...listed],
    ...extractedLicenses(licenses),
    relationships: [
      { spdxElementId: DOCUMENT, relationshipType: "DESCRIBES", relatedSpdxElement: IMAGE },
      ...listed.map(({ SPDXID }) => ({
        spdxElementId: IMAGE,
        relationshipType: "CONTAINS",
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

/** SPDX knows whole seconds in UTC only. */
export function spdxTime(createdAt: string): string {
  const time = new Date(createdAt);
  if (Number.isNaN(time.getTime()) || time.getTime() < 0) return EPOCH;
  return `${time.toISOString().slice(0, 19)}Z`;
}

function imagePackage({ digest, architecture, os }: SbomSubject, hex: string): SpdxPackage {
  return {
    SPDXID: IMAGE,
    name: "container image",
    versionInfo: digest,
    downloadLocation: NO_ASSERTION,
    filesAnalyzed: false,
    checksums: [{ algorithm: "SHA256", checksumValue: hex }],
    sourceInfo: `image manifest for ${os}/${architecture}`,
    licenseConcluded: NO_ASSERTION,
    licenseDeclared: NO_ASSERTION,
    copyrightText: NO_ASSERTION,
    primaryPackagePurpose: "CONTAINER",
  };
}

function operatingSystem({ os }: Inventory): SpdxPackage | undefined {
  if (!os) return undefined;
  return {
    SPDXID: "SPDXRef-OperatingSystem",
    name: os.id,
    ...(os.versionId === "" ? {} : { versionInfo: os.versionId }),
    downloadLocation: NO_ASSERTION,
    filesAnalyzed: false,
    licenseConcluded: NO_ASSERTION,
    licenseDeclared: NO_ASSERTION,
    copyrightText: NO_ASSERTION,
    summary: oneLine(os.prettyName),
    primaryPackagePurpose: "OPERATING-SYSTEM",
  };
}

function spdxPackage(found: FoundPackage, licenses: LicenseTable, ids: Set<string>): SpdxPackage {
  const { supplier, homepage, summary } = found;
  const name =
    found.namespace && !isDistribution(found) ? `${found.namespace}${separator(found)}${found.name}` : found.name;
  return {
    SPDXID: uniqueId(`SPDXRef-Package-${found.type}-${name}-${found.version}`, ids),
    name: oneLine(name),
    ...(found.version === "" ? {} : { versionInfo: oneLine(found.version) }),
    supplier: supplier ? `${supplier.kind}: ${spdxAgent(supplier.name)}` : NO_ASSERTION,
    downloadLocation: NO_ASSERTION,
    filesAnalyzed: false,
    ...(homepage && /^https?:\/\/\S+$/.test(homepage) ? { homepage } : {}),
    sourceInfo: `found in ${oneLine(found.foundIn)}`,
    licenseConcluded: NO_ASSERTION,
    licenseDeclared: licenses.expression(found.license),
    copyrightText: NO_ASSERTION,
    ...(summary ? { summary: oneLine(summary) } : {}),
    externalRefs: [
      { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: packageUrl(found) },
    ],
  };
}

/** A distribution's name tells where its packages come from, and is no part of what they are called. */
function isDistribution({ type }: FoundPackage): boolean {
  return type === "deb" || type === "apk" || type === "rpm";
}

function separator({ type }: FoundPackage): string {
  return type === "maven" ? ":" : "/";
}

/** "Name <mail>" is "Name (mail)" in SPDX. */
function spdxAgent(name: string): string {
  return oneLine(name).replace(/\s*<([^<>]*)>\s*$/, " ($1)");
}

/** Strangers' texts on one line of bounded length: the tag-value form knows no other. */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 2000);
}

/** Letters, digits, "." and "-" only (SPDX 2.3, 7.2). */
function uniqueId(wanted: string, taken: Set<string>): string {
  const plain = wanted.replace(/[^A-Za-z0-9.-]+/g, "-").slice(0, 200);
  let id = plain;
  for (let number = 2; taken.has(id); number += 1) id = `${plain}-${number}`;
  taken.add(id);
  return id;
}

function extractedLicenses({ references }: LicenseTable): Partial<SpdxDocument> {
  if (references.size === 0) return {};
  const infos = [...references].map(([licenseId, name]) => ({
    licenseId,
    name: oneLine(name),
    extractedText: `The package names its license "${oneLine(name)}", which has no SPDX identifier; the text is in the package.`,
  }));
  return { hasExtractedLicensingInfos: infos.sort((a, b) => (a.licenseId < b.licenseId ? -1 : 1)) };
}
