/** What SPDX 2.3 demands of a document in JSON, as far as naru writes one. Answers what is wrong, in words. */

import deprecatedIds from "spdx-license-ids/deprecated.json";
import licenseIds from "spdx-license-ids/index.json";

type Json = Record<string, unknown>;
const ID = /^SPDXRef-[A-Za-z0-9.-]+$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const CREATOR = /^(Tool|Person|Organization): \S/;
const SUPPLIER = /^NOASSERTION$|^(Person|Organization): \S/;
const PURPOSES =
  "APPLICATION FRAMEWORK LIBRARY CONTAINER OPERATING-SYSTEM DEVICE FIRMWARE SOURCE ARCHIVE FILE INSTALL OTHER".split(
    " ",
  );
const LICENSES = new Set([...licenseIds, ...deprecatedIds]);

export function spdxFaults(document: Json): string[] {
  const faults: string[] = [];
  const demand = (holds: unknown, fault: string) => {
    if (!holds) faults.push(fault);
  };
  demand(document.spdxVersion === "SPDX-2.3", "6.1: spdxVersion");
  demand(document.dataLicense === "CC0-1.0", "6.2: dataLicense");
  demand(document.SPDXID === "SPDXRef-DOCUMENT", "6.3: SPDXID");
  demand(typeof document.name === "string" && document.name !== "", "6.4: name");
  demand(/^[a-z][a-z0-9+.-]*:\/\/[^\s#]+$/.test(String(document.documentNamespace)), "6.5: documentNamespace");
  const { creators, created } = document.creationInfo as { creators: string[]; created: string };
  demand(creators.length > 0 && creators.every((creator) => CREATOR.test(creator)), "6.8: creators");
  demand(TIME.test(created) && !Number.isNaN(Date.parse(created)), "6.9: created");
  const own = new Set(
    ((document.hasExtractedLicensingInfos ?? []) as Json[]).map(({ licenseId }) => licenseId as string),
  );
  for (const info of (document.hasExtractedLicensingInfos ?? []) as Json[]) {
    demand(/^LicenseRef-[A-Za-z0-9.-]+$/.test(String(info.licenseId)), `10.1: licenseId ${info.licenseId}`);
    demand(typeof info.extractedText === "string" && info.extractedText !== "", `10.2: text of ${info.licenseId}`);
  }
  demand(
    own.size === ((document.hasExtractedLicensingInfos ?? []) as Json[]).length,
    "10.1: licenseIds are not unique",
  );
  const packages = document.packages as Json[];
  const ids = new Set(["SPDXRef-DOCUMENT"]);
  for (const one of packages) {
    faults.push(...packageFaults(one, own));
    demand(!ids.has(one.SPDXID as string), `7.2: ${one.SPDXID} is not unique`);
    ids.add(one.SPDXID as string);
  }
  const relationships = document.relationships as Json[];
  for (const { spdxElementId, relatedSpdxElement, relationshipType } of relationships) {
    demand(
      ids.has(spdxElementId as string) && ids.has(relatedSpdxElement as string),
      `11.1: ${spdxElementId} ${relatedSpdxElement}`,
    );
    demand(/^[A-Z_]+$/.test(String(relationshipType)), `11.1: ${relationshipType}`);
  }
  const described = relationships
    .filter((one) => one.relationshipType === "DESCRIBES")
    .map((one) => one.relatedSpdxElement);
  demand(JSON.stringify(described) === JSON.stringify(document.documentDescribes), "11.1: what the document describes");
  return faults;
}

function packageFaults(one: Json, own: ReadonlySet<string>): string[] {
  const faults: string[] = [];
  const demand = (holds: unknown, fault: string) => {
    if (!holds) faults.push(`${one.SPDXID}: ${fault}`);
  };
  demand(typeof one.name === "string" && one.name !== "" && !/[\r\n]/.test(one.name), "7.1: name");
  demand(ID.test(String(one.SPDXID)), "7.2: SPDXID");
  demand(one.supplier === undefined || SUPPLIER.test(String(one.supplier)), "7.5: supplier");
  demand(one.downloadLocation === "NOASSERTION", "7.7: downloadLocation");
  demand(one.filesAnalyzed === false && one.packageVerificationCode === undefined, "7.8: filesAnalyzed");
  for (const field of ["licenseConcluded", "licenseDeclared"]) {
    demand(isLicense(String(one[field]), own), `7.13, 7.15: ${field} ${one[field]}`);
  }
  demand(one.copyrightText === "NOASSERTION", "7.17: copyrightText");
  demand(one.homepage === undefined || URL.canParse(String(one.homepage)), `7.11: homepage ${one.homepage}`);
  demand(
    one.primaryPackagePurpose === undefined || PURPOSES.includes(String(one.primaryPackagePurpose)),
    "7.24: purpose",
  );
  for (const ref of (one.externalRefs ?? []) as Json[]) {
    demand(ref.referenceCategory === "PACKAGE-MANAGER" && ref.referenceType === "purl", "7.21: kind of reference");
    demand(/^pkg:[a-z]+\/[^\s]+$/.test(String(ref.referenceLocator)), `7.21: ${ref.referenceLocator}`);
  }
  return faults;
}

/** Annex D: identifiers of the list or of the document, joined by AND, OR, WITH, in balanced parentheses. */
function isLicense(text: string, own: ReadonlySet<string>): boolean {
  if (text === "NOASSERTION" || text === "NONE") return true;
  const shape = text.replace(/ WITH [A-Za-z0-9.-]+/g, "").replace(/[A-Za-z0-9.-]+\+?/g, (word) => {
    if (word === "AND" || word === "OR") return word;
    return LICENSES.has(word) || own.has(word) ? "L" : "?";
  });
  let left = shape;
  for (let before = ""; before !== left; ) {
    before = left;
    left = left.replace(/\(L\)|L (AND|OR) L/g, "L");
  }
  return left === "L";
}
