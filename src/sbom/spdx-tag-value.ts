/** SPDX 2.3 as lines of "Tag: value". */
import type { SpdxDocument, SpdxPackage } from "./spdx-document.ts";

export function spdxTagValue(document: SpdxDocument): string {
  const { creationInfo } = document;
  const lines = [
    `SPDXVersion: ${document.spdxVersion}`,
    `DataLicense: ${document.dataLicense}`,
    `SPDXID: ${document.SPDXID}`,
    `DocumentName: ${document.name}`,
    `DocumentNamespace: ${document.documentNamespace}`,
    ...creationInfo.creators.map((creator) => `Creator: ${creator}`),
    `Created: ${creationInfo.created}`,
    ...(creationInfo.comment ? [`CreatorComment: <text>${plain(creationInfo.comment)}</text>`] : []),
    ...document.packages.flatMap(packageLines),
    ...(document.hasExtractedLicensingInfos ?? []).flatMap(({ licenseId, name, extractedText }) => [
      "",
      `LicenseID: ${licenseId}`,
      `LicenseName: ${name}`,
      `ExtractedText: <text>${plain(extractedText)}</text>`,
    ]),
    "",
    ...document.relationships.map(
      (one) => `Relationship: ${one.spdxElementId} ${one.relationshipType} ${one.relatedSpdxElement}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function packageLines(one: SpdxPackage): string[] {
  const optional = (tag: string, value: string | undefined) => (value === undefined ? [] : [`${tag}: ${value}`]);
  return [
    "",
    `PackageName: ${one.name}`,
    `SPDXID: ${one.SPDXID}`,
    ...optional("PackageVersion", one.versionInfo),
    ...optional("PackageSupplier", one.supplier),
    `PackageDownloadLocation: ${one.downloadLocation}`,
    `FilesAnalyzed: ${one.filesAnalyzed}`,
    ...(one.checksums ?? []).map(({ algorithm, checksumValue }) => `PackageChecksum: ${algorithm}: ${checksumValue}`),
    ...optional("PackageHomePage", one.homepage),
    ...(one.sourceInfo ? [`PackageSourceInfo: <text>${plain(one.sourceInfo)}</text>`] : []),
    `PackageLicenseConcluded: ${one.licenseConcluded}`,
    `PackageLicenseDeclared: ${one.licenseDeclared}`,
    `PackageCopyrightText: ${one.copyrightText}`,
    ...(one.summary ? [`PackageSummary: <text>${plain(one.summary)}</text>`] : []),
    ...(one.externalRefs ?? []).map(
      (ref) => `ExternalRef: ${ref.referenceCategory} ${ref.referenceType} ${ref.referenceLocator}`,
    ),
    ...optional("PrimaryPackagePurpose", one.primaryPackagePurpose),
  ];
}

/** A stranger's text must not end the field that it stands in. */
function plain(text: string): string {
  return text.replaceAll("<text>", "").replaceAll("</text>", "");
}
