/** The registry client's rules, with values: challenges, proxies, pages, insecure hosts, mirrors, back-off. */
import { describe, expect, test } from "bun:test";
import { parseChallenges } from "../../../src/distribution/auth-challenge.ts";
import { registryDomain } from "../../../src/distribution/check-credentials.ts";
import { ConnectionError } from "../../../src/distribution/connection-error.ts";
import { nextPage } from "../../../src/distribution/paging.ts";
import { isInNetwork, proxyFor } from "../../../src/distribution/proxy-choice.ts";
import {
  checkMirrors,
  isInsecureHost,
  mirrorAddresses,
  registryAddress,
} from "../../../src/distribution/registry-addresses.ts";
import { RegistryError } from "../../../src/distribution/registry-error.ts";
import { delayBefore, mayPass, pause } from "../../../src/distribution/retry.ts";

describe("parseChallenges", () => {
  const cases: [header: string | null, challenges: unknown[]][] = [
    [null, []],
    ["", []],
    ["Basic", [{ scheme: "basic", parameters: {} }]],
    ['Basic realm="a, b"', [{ scheme: "basic", parameters: { realm: "a, b" } }]],
    [
      'Bearer realm="https://auth.example/token",service="x",scope="repository:a:pull,push"',
      [
        {
          scheme: "bearer",
          parameters: { realm: "https://auth.example/token", service: "x", scope: "repository:a:pull,push" },
        },
      ],
    ],
    [
      'Negotiate, Basic realm="x", Bearer realm="https://y/t" , error="insufficient_scope"',
      [
        { scheme: "negotiate", parameters: {} },
        { scheme: "basic", parameters: { realm: "x" } },
        { scheme: "bearer", parameters: { realm: "https://y/t", error: "insufficient_scope" } },
      ],
    ],
    ['Digest realm="q\\"uote", nonce=abc', [{ scheme: "digest", parameters: { realm: 'q"uote', nonce: "abc" } }]],
    ['BEARER Realm="r"', [{ scheme: "bearer", parameters: { realm: "r" } }]],
    ['"nonsense', []],
  ];
  test.each(cases)("%j", (header, challenges) => expect(parseChallenges(header)).toEqual(challenges as never));
});

test("parseChallenges comes to an end with any text", () => {
  const alphabet = 'Bearer Basic realm="x",=\\ \t;scope';
  let state = 42;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  for (let i = 0; i < 3000; i++) {
    const text = Array.from({ length: next() % 80 }, () => alphabet[next() % alphabet.length]).join("");
    for (const { scheme, parameters } of parseChallenges(text)) {
      expect(scheme).toMatch(/^[a-z]/);
      expect(typeof parameters).toBe("object");
    }
  }
});

describe("proxyFor", () => {
  const proxies = { HTTP_PROXY: "http://p:1", https_proxy: "q:2" };
  const cases: [url: string, noProxy: string, proxy: string | undefined][] = [
    ["http://registry.example/v2/", "", "http://p:1"],
    ["https://registry.example/v2/", "", "http://q:2"],
    ["https://registry.example/v2/", "*", undefined],
    ["https://registry.example/v2/", "example", undefined],
    ["https://registry.example/v2/", ".example", undefined],
    ["https://registry.example/v2/", "*.example", undefined],
    ["https://example/v2/", ".example", "http://q:2"],
    ["https://notexample/v2/", "example", "http://q:2"],
    ["https://registry.example:5000/v2/", "registry.example:5000", undefined],
    ["https://registry.example:5001/v2/", "registry.example:5000", "http://q:2"],
    ["http://10.1.2.3/v2/", "10.0.0.0/8", undefined],
    ["http://11.1.2.3/v2/", "10.0.0.0/8, 12.0.0.0/8", "http://p:1"],
    ["http://[fd00::1]/v2/", "fd00::/8", undefined],
    ["http://localhost:5000/v2/", "", undefined],
    ["http://127.1.2.3:5000/v2/", "", undefined],
    ["https://[::1]/v2/", "", undefined],
  ];
  test.each(cases)("%s without %j", (url, noProxy, proxy) => {
    expect(proxyFor(new URL(url), { ...proxies, NO_PROXY: noProxy })).toBe(proxy as string);
  });
  test("a proxy that is no HTTP proxy is refused in words", () => {
    expect(() => proxyFor(new URL("http://a"), { HTTP_PROXY: "socks5://x" })).toThrow(
      "HTTP_PROXY=socks5://x: only http:// and https:// proxies are supported",
    );
  });
});

test.each([
  ["10.1.2.3", "10.0.0.0/8", true],
  ["10.1.2.3", "10.1.2.0/24", true],
  ["10.1.2.3", "10.1.3.0/24", false],
  ["::1", "::1/128", true],
  ["::1", "10.0.0.0/8", false],
  ["10.1.2.3", "10.0.0.0/99", false],
  ["10.1.2.3", "nonsense", false],
])("isInNetwork(%s, %s) is %s", (address, network, expected) => expect(isInNetwork(address, network)).toBe(expected));

test.each([
  ["localhost:5000", [], true],
  ["127.3.2.1:5000", [], true],
  ["[::1]:5000", [], true],
  ["registry.example", [], false],
  ["registry.example:5000", ["registry.example"], true],
  ["registry.example:5000", ["registry.example:5000"], true],
  ["registry.example:5001", ["registry.example:5000"], false],
  ["10.9.8.7:5000", ["10.0.0.0/8"], true],
  ["11.9.8.7:5000", ["10.0.0.0/8"], false],
])("isInsecureHost(%s) with %j is %s", (host, list, expected) => expect(isInsecureHost(host, list)).toBe(expected));

describe("addresses", () => {
  const settings = {
    mirrors: ["https://one.example", "http://two.example:5000/hub/"],
    hostMirrors: { "quay.io": ["three.example"] },
    insecureRegistries: ["bad.example"],
    certificateDirs: [],
  };
  test("Docker Hub has an endpoint of its own", () => {
    expect(registryAddress("docker.io", settings)).toEqual({
      host: "registry-1.docker.io",
      isInsecure: false,
      schemes: ["https"],
      basePath: "",
    });
  });
  test("an insecure registry is tried with TLS first", () => {
    expect(registryAddress("bad.example", settings).schemes).toEqual(["https", "http"]);
  });
  test("mirrors in their order, per host", () => {
    expect(mirrorAddresses("docker.io", settings)).toMatchObject([
      { host: "one.example", schemes: ["https"], isInsecure: false, basePath: "" },
      { host: "two.example:5000", schemes: ["http"], isInsecure: true, basePath: "/hub" },
    ]);
    expect(mirrorAddresses("quay.io", settings)).toMatchObject([{ host: "three.example", schemes: ["https"] }]);
    expect(mirrorAddresses("ghcr.io", settings)).toEqual([]);
  });
  test("a mirror that is no address is refused", () => {
    expect(() => checkMirrors({ ...settings, mirrors: ["ftp://x"] })).toThrow('invalid mirror: "ftp://x"');
  });
  test.each([
    ["https://index.docker.io/v1/", "docker.io"],
    ["http://host:5000/v2/", "host:5000"],
    ["registry.example", "registry.example"],
  ])("the server %s is %s", (address, domain) => expect(registryDomain(address)).toBe(domain));
});

test.each([
  [null, undefined],
  ['</v2/a/tags/list?last=x&n=2>; rel="next"', "https://r/v2/a/tags/list?last=x&n=2"],
  ["<https://other/x>; rel=next", "https://other/x"],
  ['</prev>; rel="prev", </next>; rel="next"', "https://r/next"],
  ['</prev>; rel="prev"', undefined],
  ["garbage", undefined],
])("nextPage(%j) is %s", (link, url) => {
  expect(nextPage(link, new URL("https://r/v2/a/tags/list"))?.href).toBe(url as string);
});

describe("retries", () => {
  const rule = { attempts: 5, firstDelayMs: 100, longestDelayMs: 1000 };
  const answer = (status: number, retryAfter?: number) => new RegistryError("unavailable", "x", "", status, retryAfter);
  test.each([
    [1, 50, 100],
    [2, 100, 200],
    [4, 400, 800],
    [9, 500, 1000],
  ])("after %d failures between %d and %d ms", (failures, least, most) => {
    for (let i = 0; i < 50; i++) {
      const delay = delayBefore(failures, answer(503), rule);
      expect(delay).toBeGreaterThanOrEqual(least);
      expect(delay).toBeLessThanOrEqual(most);
    }
  });
  test("Retry-After is obeyed, within reason", () => {
    expect(delayBefore(1, answer(429, 0.9), rule)).toBe(900);
    expect(delayBefore(1, answer(429, 3600), rule)).toBe(1000);
  });
  test.each<[string, unknown, boolean]>([
    ["a broken connection", new ConnectionError("x", true, true, undefined), true],
    ["a refused connection", new ConnectionError("x", false, true, undefined), false],
    ["503", answer(503), true],
    ["501", answer(501), false],
    ["404", answer(404), false],
    ["429 that ends soon", answer(429, 0.5), true],
    ["429 that does not", answer(429, 3600), false],
    ["429 without an end", answer(429), false],
    ["a fault of ours", new TypeError("x"), false],
  ])("%s", (_what, error, expected) => expect(mayPass(error, rule.longestDelayMs)).toBe(expected));
  test("a pause ends at once when it is aborted", async () => {
    await expect(pause(1_000_000, AbortSignal.timeout(20))).rejects.toThrow();
  });
});
