/** The rules of containers-policy.json(5), "signedIdentity". */
import { expect, test } from "bun:test";
import { parseReference } from "../../../src/lib/image-reference.ts";
import { fitsIdentity, type SignedIdentity } from "../../../src/signature/signed-identity.ts";

const D1 = `sha256:${"1".repeat(64)}`;
const exact: SignedIdentity = { type: "exact" };
const standard: SignedIdentity = { type: "repository-or-tag" };
const repository: SignedIdentity = { type: "repository" };
const remapped: SignedIdentity = { type: "remapped", prefix: "mirror.test/hub", signedPrefix: "docker.io/library" };

test.each([
  [exact, "r.test/a:1", "r.test/a:1", true],
  [exact, "r.test/a:1", "r.test/a:2", false],
  [exact, "r.test/a", "r.test/a:latest", true],
  [exact, "r.test/a:1", "r.test/a", false],
  [exact, `r.test/a@${D1}`, "r.test/a:1", false],
  [exact, "debian:12", "index.docker.io/library/debian:12", true],
  [standard, "r.test/a:1", "r.test/a:1", true],
  [standard, "r.test/a:1", "r.test/a:2", false],
  [standard, "r.test/a:1", "r.test/a", false],
  [standard, `r.test/a@${D1}`, "r.test/a:7", true],
  [standard, `r.test/a@${D1}`, "r.test/a", true],
  [standard, `r.test/a@${D1}`, "r.test/b:7", false],
  [repository, "r.test/a:1", "r.test/a:2", true],
  [repository, "r.test/a:1", "r.test/a", true],
  [repository, "r.test/a:1", "r.test/a/b", false],
  [repository, "r.test:5000/a:1", "r.test/a:1", false],
  [{ type: "this-name", reference: parseReference("r.test/z:9") }, "r.test/a:1", "r.test/z:9", true],
  [{ type: "this-name", reference: parseReference("r.test/z:9") }, "r.test/z:9", "r.test/z:8", false],
  [{ type: "this-repository", repository: "r.test/z" }, "r.test/a:1", "r.test/z:8", true],
  [{ type: "this-repository", repository: "r.test/z" }, "r.test/a:1", "r.test/a:1", false],
  [remapped, "mirror.test/hub/debian:12", "docker.io/library/debian:12", true],
  [remapped, "mirror.test/hub/debian:12", "mirror.test/hub/debian:12", false],
  [remapped, "mirror.test/hubs/debian:12", "docker.io/library/s/debian:12", false],
  [remapped, "other.test/a:1", "other.test/a:1", true],
  [{ type: "any" }, "r.test/a:1", "", true],
  [repository, "r.test/a:1", "not a name", false],
  [repository, "r.test/a:1", "", false],
] as [SignedIdentity, string, string, boolean][])("%j: %s signed as %s: %p", (rule, image, signed, expected) => {
  expect(fitsIdentity(parseReference(image), signed, rule)).toBe(expected);
});
