/** What BuildKit clients say in attributes, as the parts of a request. */
import { expect, test } from "bun:test";
import { requestFromAttributes } from "../../../src/build/buildkit/frontend-attributes.ts";
import type { AttestationWish } from "../../../src/build/contract.ts";

test.each<[string, AttestationWish]>([
  ["", { sbom: false, provenance: "min", provenanceVersion: "v1" }],
  ["type=provenance,mode=max,version=v0.2", { sbom: false, provenance: "max", provenanceVersion: "v0.2" }],
  ["inline-only=true", { sbom: false, provenance: "inline", provenanceVersion: "v1" }],
  ["disabled=true", { sbom: false }],
  [
    "builder-id=https://ci.example/job?id=7&run=8,mode=max",
    { sbom: false, provenance: "max", provenanceVersion: "v1", builderId: "https://ci.example/job?id=7&run=8" },
  ],
  ['mode=min,"builder-id=a,b=c"', { sbom: false, provenance: "min", provenanceVersion: "v1", builderId: "a,b=c" }],
])("provenance: %s", (text, wish) => {
  expect(requestFromAttributes({ "attest:provenance": text }).attestations).toEqual(wish);
});

test.each([
  [{ "attest:provenance": "mode=mid" }, "invalid provenance mode mid: use min or max"],
  [{ "attest:provenance": "version=v2" }, "invalid provenance version v2: use v0.2 or v1"],
  [{ "attest:provenance": "reproducible=true" }, "unknown setting reproducible of an attestation of type provenance"],
  [{ "attest:sbom": "mode=max" }, "unknown setting mode of an attestation of type sbom: there are type, disabled"],
  [{ "attest:provenance": '"mode=max' }, 'extraneous or missing " in quoted-field'],
  [{ "attest:sbom": "generator=some/scanner" }, "the sbom generator some/scanner is not run"],
  [{ "attest:other": "" }, "unsupported attestation type other: use provenance or sbom"],
])("%j is refused", (attributes, words) => {
  expect(() => requestFromAttributes(attributes)).toThrow(words);
});
