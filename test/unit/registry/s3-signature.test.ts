import { expect, test } from "bun:test";
import { encodePath, signAddress, signHeaders } from "../../../src/registry/storage/s3-signature.ts";

// Key, date and expected signature of the presigned address are those of Amazon's published example.
const credentials = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const scope = { credentials, region: "us-east-1", now: new Date("2013-05-24T00:00:00Z") };

test("signAddress() gives the signature of Amazon's example", () => {
  const address = signAddress(new URL("https://examplebucket.s3.amazonaws.com/test.txt"), 86400, scope);
  expect(new URL(address).searchParams.get("X-Amz-Signature")).toBe(
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  );
});

test("signHeaders() signs everything that is sent, and the order of queries does not matter", () => {
  const sign = (query: string, headers: Record<string, string> = {}) =>
    signHeaders("GET", new URL(`https://host/bucket/${encodePath("a b/c@d")}?${query}`), headers, scope);
  const first = sign("list-type=2&prefix=x%2Fy", { Range: "bytes=0-1" });
  expect(first.authorization).toContain("SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,");
  expect(first["x-amz-date"]).toBe("20130524T000000Z");
  expect(sign("prefix=x%2Fy&list-type=2", { Range: "bytes=0-1" }).authorization).toBe(first.authorization!);
  expect(sign("prefix=x%2Fz&list-type=2", { Range: "bytes=0-1" }).authorization).not.toBe(first.authorization!);
  const temporary = { ...scope, credentials: { ...credentials, sessionToken: "token" } };
  expect(signHeaders("GET", new URL("https://host/x"), {}, temporary)["x-amz-security-token"]).toBe("token");
});

test("encodePath() leaves only unreserved characters", () => {
  expect(encodePath("a b/c@d/e'(f)*!~-_.g/ü")).toBe("a%20b/c%40d/e%27%28f%29%2A%21~-_.g/%C3%BC");
});
