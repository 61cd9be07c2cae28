/** Which login a command sends to which registry, out of what configuration files hold. */
import { describe, expect, test } from "bun:test";
import type { ConfigFile } from "../../../src/cli/config-file.ts";
import { serverHost } from "../../../src/cli/credential-store.ts";
import { registryAuthHeader, registryConfigHeader, serverOf } from "../../../src/cli/registry-auth.ts";

const decode = (header: string | undefined) => JSON.parse(Buffer.from(header ?? "", "base64url").toString());

test.each([
  ["debian", "https://index.docker.io/v1/"],
  ["someone/app", "https://index.docker.io/v1/"],
  ["docker.io/library/debian", "https://index.docker.io/v1/"],
  ["localhost/app", "localhost"],
  ["localhost:5000/app", "localhost:5000"],
  ["registry.example/team/app", "registry.example"],
])("the login for %s is that of %s", (name, server) => expect(serverOf(name)).toBe(server));

test.each([
  ["https://registry.example/v1/", "registry.example"],
  ["http://localhost:5000", "localhost:5000"],
  ["registry.example", "registry.example"],
])("the host of %s is %s", (address, host) => expect(serverHost(address)).toBe(host));

describe("X-Registry-Auth", () => {
  const auth = Buffer.from("me:pass:word").toString("base64");
  const cases: [what: string, auths: ConfigFile["auths"], login: object | undefined][] = [
    ["nothing", {}, undefined],
    ["another registry's", { "other.example": { auth } }, undefined],
    ["its own", { "a.example": { auth } }, { username: "me", password: "pass:word" }],
    ["one under an address", { "https://a.example/v1/": { auth } }, { username: "me", password: "pass:word" }],
    ["in plain fields", { "a.example": { username: "me", password: "x" } }, { username: "me", password: "x" }],
    [
      "an identity token",
      { "a.example": { auth: Buffer.from("me:").toString("base64"), identitytoken: "t" } },
      { username: "me", password: "", identitytoken: "t" },
    ],
    ["what a helper's login leaves", { "a.example": {} }, undefined],
  ];
  test.each(cases)("of a file that holds %s", async (_what, auths, login) => {
    const header = (await registryAuthHeader({ auths }, { familiarName: "a.example/app" }))["X-Registry-Auth"];
    if (login === undefined) expect(header).toBeUndefined();
    else expect(decode(header)).toEqual({ ...login, serveraddress: "a.example" });
  });
});

test("X-Registry-Config holds every login by its server", async () => {
  const auth = Buffer.from("me:secret").toString("base64");
  const config = { auths: { "a.example": { auth }, "https://index.docker.io/v1/": { auth }, "empty.example": {} } };
  const login = { username: "me", password: "secret" };
  expect(decode((await registryConfigHeader(config))["X-Registry-Config"])).toEqual({
    "a.example": { ...login, serveraddress: "a.example" },
    "https://index.docker.io/v1/": { ...login, serveraddress: "https://index.docker.io/v1/" },
  });
  expect(await registryConfigHeader({})).toEqual({});
});
