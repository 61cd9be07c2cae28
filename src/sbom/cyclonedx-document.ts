/** CycloneDX 1.5 in JSON, out of the SPDX document: both say the same. */
import { NARU_VERSION } from "../lib/version.ts";
import type { SbomSubject } from "./contract.ts";
import { NO_ASSERTION } from "./license-expression.ts";
import type { SpdxDocument, SpdxPackage } from "./spdx-document.ts";

const IMAGE_REF = "image";

export function cycloneDxDocument({ digest }: SbomSubject, document: SpdxDocument): object {
  const [image, ...packages] = document.packages;
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: `urn:uuid:${serialNumber(document.documentNamespace)}`,
    version: 1,
    metadata: {
      timestamp: document.creationInfo.created,
      tools: { components: [{ type: "application", name: "naru", version: NARU_VERSION }] },
      component: {
        type: "container",
        "bom-ref": IMAGE_REF,
        name: image!.name,
        version: digest,
        hashes: [{ alg: "SHA-256", content: digest.slice("sha256:".length) }],
      },
    },
    components: packages.map((one) => component(one, document)),
    dependencies: [{ ref: IMAGE_REF, dependsOn: packages.map(({ SPDXID }) => SPDXID) }],
  };
}

function component(one: SpdxPackage, document: SpdxDocument): object {
  const purl = one.externalRefs?.[0]?.referenceLocator;
  const isSystem = one.primaryPackagePurpose === "OPERATING-SYSTEM";
  return {
    type: isSystem ? "operating-system" : "library",
    "bom-ref": one.SPDXID,
    ...(one.supplier && one.supplier !== NO_ASSERTION
      ? { supplier: { name: one.supplier.replace(/^\w+: /, "") } }
      : {}),
    name: one.name,
    version: one.versionInfo ?? "",
    ...(one.summary ? { description: one.summary } : {}),
    ...(one.licenseDeclared === NO_ASSERTION ? {} : { licenses: [license(one.licenseDeclared, document)] }),
    ...(purl ? { purl } : {}),
    ...(one.homepage ? { externalReferences: [{ type: "website", url: one.homepage }] } : {}),
    ...(one.sourceInfo ? { properties: [{ name: "naru:source", value: one.sourceInfo }] } : {}),
  };
}

/** A name of the package's own stands by itself; CycloneDX knows no references to texts elsewhere. */
function license(expression: string, { hasExtractedLicensingInfos }: SpdxDocument): object {
  const own = hasExtractedLicensingInfos?.find(({ licenseId }) => licenseId === expression);
  return own ? { license: { name: own.name } } : { expression };
}

/** A UUID (version 8: of our own making) that is the same for the same document. */
function serialNumber(namespace: string): string {
  const hex = new Bun.CryptoHasher("sha256").update(namespace).digest("hex");
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}
