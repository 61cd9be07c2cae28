import { expect, test } from "bun:test";
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { newKey } from "../../../src/lib/certificate.ts";
import { parseToken, signToken } from "../../../src/registry/access/json-web-token.ts";
import { LoginDamping } from "../../../src/registry/access/login-damping.ts";
import { parseHtpasswd } from "../../../src/registry/access/password-file.ts";
import { parseRights } from "../../../src/registry/access/rights.ts";
import { allows, parseScopes, scopeText, wantedScopes } from "../../../src/registry/access/scopes.ts";
import { keyId } from "../../../src/registry/access/token-key.ts";
import { rememberTokens } from "../../../src/registry/access/token-memory.ts";
import { type TokenExpectation, verifyToken } from "../../../src/registry/access/token-verifier.ts";
import { SettingReader } from "../../../src/registry/config/setting-reader.ts";
import { selfSign } from "../../../src/registry/tls/self-signed.ts";

const key = createPrivateKey(await newKey());
const publicKey = createPublicKey(key);
const NOW = 1_800_000_000;
const claims = { iss: "issuer", aud: "service", sub: "ann", exp: NOW + 300, nbf: NOW, access: [] };
const expected: TokenExpectation = {
  issuer: "issuer",
  audience: "service",
  keys: { byId: new Map([["k", publicKey]]), roots: [] },
};
const verify = (token: string, more = {}) => verifyToken(token, { ...expected, ...more }, NOW * 1000);
const sign = (more = {}, kid = "k") => signToken({ typ: "JWT", kid }, { ...claims, ...more }, key);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

test("verifyToken() believes only what a trusted key signed for this service, now", async () => {
  expect((await verify(await sign()))?.subject).toBe("ann");
  expect((await verify(await sign({ aud: ["other", "service"] })))?.subject).toBe("ann");
  for (const wrong of [
    { iss: "somebody" },
    { aud: "other" },
    { aud: undefined },
    { exp: NOW - 61 },
    { exp: undefined },
    { exp: "9999999999" },
    { nbf: NOW + 61 },
  ]) {
    expect(await verify(await sign(wrong))).toBeUndefined();
  }
  expect(await verify(await sign({}, "unknown"))).toBeUndefined();
  expect(await verify(await sign(), { type: "naru-identity" })).toBeUndefined();
});

test("verifyToken() lets no token choose how it is checked", async () => {
  const body = encode(claims);
  const none = `${encode({ alg: "none", kid: "k" })}.${body}.`;
  expect(await verify(none)).toBeUndefined();
  expect(await verify(`${none}AAAA`)).toBeUndefined();
  // HMAC with the public key as the secret.
  const text = `${encode({ alg: "HS256", kid: "k" })}.${body}`;
  const pem = publicKey.export({ type: "spki", format: "pem" });
  expect(await verify(`${text}.${createHmac("sha256", pem).update(text).digest("base64url")}`)).toBeUndefined();
  // A key of the token's own.
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const own = await signToken(
    { typ: "JWT", kid: "k", jwk: stranger.publicKey.export({ format: "jwk" }) } as never,
    claims,
    stranger.privateKey,
  );
  expect(await verify(own)).toBeUndefined();
  const certificate = new X509Certificate(await selfSign(await newKey(), { commonName: "stranger", days: 10 }));
  const x5c = await signToken(
    { typ: "JWT", kid: "k", x5c: [certificate.raw.toString("base64")] } as never,
    claims,
    key,
  );
  expect(await verify(x5c)).toBeUndefined();
});

test("rememberTokens() asks once for a good token, each time for a bad one, and again after a minute or at its end", async () => {
  let [now, asked] = [NOW * 1000, 0];
  const verify = rememberTokens(
    async (text) => {
      asked += 1;
      const exp = text === "short" ? NOW + 10 : NOW + 300;
      return text === "bad" ? undefined : { subject: text, access: [], claims: { exp } };
    },
    () => now,
  );
  for (const text of ["good", "good", "short", "short", "bad", "bad"]) await verify(text);
  expect(asked).toBe(4);
  now += 11_000;
  for (const text of ["good", "short"]) await verify(text);
  expect(asked).toBe(5);
  now += 60_000;
  expect((await verify("good"))?.subject).toBe("good");
  expect(asked).toBe(6);
});

test("parseToken() takes nothing that is no token", () => {
  for (const text of [
    "",
    "a",
    "a.b",
    "a.b.c.d",
    "....",
    "é.é.é",
    `${encode([])}.${encode({})}.AA`,
    `${encode({ alg: 1 })}.${encode({})}.AA`,
  ]) {
    expect(parseToken(text)).toBeUndefined();
  }
  expect(parseToken(`${"A".repeat(70_000)}.AA.AA`)).toBeUndefined();
});

test("keyId() names keys as docker-registry does: twelve groups of four letters", () => {
  expect(keyId(publicKey)).toMatch(/^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
});

test.each([
  [["repository:a/b:pull,push"], "repository:a/b:pull,push"],
  [["repository:a:pull repository:b:push"], "repository:a:pull repository:b:push"],
  [["repository(plugin):host:5000/x:pull"], "repository:host:5000/x:pull"],
  [["registry:catalog:*"], "registry:catalog:*"],
  [["", "nonsense", "repository::pull", "repository:x:pull;rm"], ""],
])("parseScopes(%j) is %p", (texts, words) => {
  expect(parseScopes(texts).map(scopeText).join(" ")).toBe(words);
});

test("wantedScopes() asks for pull with every push, and for the source of a mount", () => {
  const texts = (wanted: Parameters<typeof wantedScopes>[0]) => wantedScopes(wanted).map(scopeText).join(" ");
  expect(texts({})).toBe("");
  expect(texts({ repository: "a", action: "delete" })).toBe("repository:a:delete");
  expect(texts({ repository: "a", action: "push", mountFrom: "b" })).toBe("repository:a:pull,push repository:b:pull");
  expect(texts({ action: "catalog" })).toBe("registry:catalog:*");
  expect(allows([{ type: "repository", name: "a", actions: ["*"] }], "repository", "a", "delete")).toBe(true);
  expect(allows([{ type: "repository", name: "a", actions: ["pull"] }], "repository", "ab", "pull")).toBe(false);
});

const rights = parseRights(
  SettingReader.of({
    groups: { team: ["ann"] },
    rights: [
      { who: ["anonymous"], repositories: ["public/**"], may: ["pull"] },
      { who: ["@team"], repositories: ["team/**"], may: ["pull", "push"] },
      { who: ["users"], repositories: ["{user}/**"], may: ["all"] },
    ],
  }),
);

test.each([
  ["", "public/a", "pull", true],
  ["ann", "public/a", "pull", false],
  ["", "public/a", "push", false],
  ["", "publicity/a", "pull", false],
  ["ann", "team", "push", true],
  ["ann", "team/a/b", "push", true],
  ["ann", "team/a", "delete", false],
  ["bob", "team/a", "pull", false],
  ["bob", "bob/x", "delete", true],
  ["bob", "ann/x", "pull", false],
  // A user's name is no pattern.
  ["*", "ann/x", "pull", false],
  ["{ann,bob}", "ann/x", "pull", false],
] as const)("rights: %p on %p to %p: %p", (user, repository, action, allowed) => {
  expect(rights.may(user, repository, action)).toBe(allowed);
});

test.each([
  [{ rights: [] }, "rights is missing"],
  [{ rights: [{ who: ["@x"], repositories: ["a"], may: ["pull"] }] }, "rights[0].who: there is no group x"],
  [
    { rights: [{ who: ["a"], repositories: ["a"], may: ["read"] }] },
    'rights[0].may is "read"; write any of pull, push, delete, all',
  ],
  [{ rights: [{ who: "a", repositories: ["a"], may: ["pull"] }] }, 'rights[0].who is "a"; write a list'],
])("parseRights(%j) says %p", (file, words) => {
  expect(() => parseRights(SettingReader.of(file))).toThrow(words);
});

test("parseHtpasswd() takes bcrypt only and names the line of anything else", () => {
  const bcrypt = "$2y$05$SCiFyk6ksugu7M5UeNO.g.XwuqqCUQqitvr9CKyYOVsq/nQyCeK66";
  expect([...parseHtpasswd(`# users\n\nann:${bcrypt}\n`, "f").keys()]).toEqual(["ann"]);
  for (const hash of ["$apr1$x$y", "{SHA}x", "plain", "$2y$05$short"]) {
    expect(() => parseHtpasswd(`ok:${bcrypt}\nbob:${hash}\n`, "f")).toThrow(
      "f:2: the password of bob is not hashed with bcrypt",
    );
  }
  expect(() => parseHtpasswd("nobody", "f")).toThrow("f:1: write USER:HASH");
});

test("LoginDamping doubles the wait, forgets in time, and blocks nobody at other addresses", () => {
  let now = 0;
  const damping = new LoginDamping(() => now);
  for (let i = 0; i < 10; i++) {
    expect(damping.waitMs("1.2.3.4", "ann")).toBe(0);
    damping.begin("1.2.3.4", "ann");
  }
  expect(damping.waitMs("1.2.3.4", "ann")).toBe(2000);
  expect(damping.waitMs("1.2.3.4", "bob")).toBe(2000);
  expect(damping.waitMs("9.9.9.9", "ann")).toBe(0);
  now += 2000;
  expect(damping.waitMs("1.2.3.4", "ann")).toBe(0);
  damping.begin("1.2.3.4", "ann");
  expect(damping.waitMs("1.2.3.4", "ann")).toBe(4000);
  for (let i = 0; i < 30; i++) damping.begin("1.2.3.4", "ann");
  expect(damping.waitMs("1.2.3.4", "ann")).toBe(15 * 60_000);
  // One's own account does not help an address that guesses.
  damping.begin("1.2.3.4", "mallory");
  damping.succeeded("1.2.3.4", "mallory");
  expect(damping.waitMs("1.2.3.4", "ann")).toBe(15 * 60_000);
  now += 50 * 60_000;
  expect(damping.waitMs("1.2.3.4", "ann")).toBe(0);
});
