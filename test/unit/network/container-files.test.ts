import { describe, expect, test } from "bun:test";
import { ownNames, parseExtraHost, printHosts } from "../../../src/network/hosts-file.ts";
import {
  forwardedResolvConf,
  hostModeResolvConf,
  internalResolvConf,
  parseResolvConf,
  upstreamServers,
} from "../../../src/network/resolv-conf.ts";

const HEADER = `# Written by naru for this container.

`;
const nothing = { dns: [], dnsSearch: [], dnsOptions: [] };
const wishes = { dns: ["9.9.9.9"], dnsSearch: ["ex.com"], dnsOptions: ["ndots:3"] };
const host = parseResolvConf("# remark\nnameserver 10.0.0.53\n");

describe("resolv.conf, as Docker 28 writes it", () => {
  const cases: [string, string, string][] = [
    [
      "on the default bridge",
      forwardedResolvConf(host, "/etc/resolv.conf", nothing),
      "nameserver 10.0.0.53\n\n# Based on host file: '/etc/resolv.conf' (legacy)\n# Overrides: []\n",
    ],
    [
      "with wishes",
      forwardedResolvConf(host, "/etc/resolv.conf", wishes),
      "nameserver 9.9.9.9\nsearch ex.com\noptions ndots:3\n\n# Based on host file: '/etc/resolv.conf' (legacy)\n" +
        "# Overrides: [nameservers search options]\n# Option ndots from: override\n",
    ],
    [
      "with a name server inside",
      internalResolvConf(host, "/etc/resolv.conf", nothing),
      "nameserver 127.0.0.11\noptions ndots:0\n\n# Based on host file: '/etc/resolv.conf' (internal resolver)\n" +
        "# ExtServers: [host(10.0.0.53)]\n# Overrides: []\n# Option ndots from: internal\n",
    ],
    [
      "with a name server inside and wishes",
      internalResolvConf(host, "/etc/resolv.conf", wishes),
      "nameserver 127.0.0.11\nsearch ex.com\noptions ndots:3\n\n" +
        "# Based on host file: '/etc/resolv.conf' (internal resolver)\n# ExtServers: [9.9.9.9]\n" +
        "# Overrides: [nameservers search options]\n# Option ndots from: override\n",
    ],
    [
      "in the host's network",
      hostModeResolvConf(host, "/etc/resolv.conf", nothing),
      "nameserver 10.0.0.53\n\n# Based on host file: '/etc/resolv.conf'\n# Overrides: []\n",
    ],
  ];
  for (const [title, printed, expected] of cases) test(title, () => expect(printed).toBe(HEADER + expected));

  test("servers on the host's loopback are left out, public ones take their place", () => {
    const local = parseResolvConf(
      "nameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch a b\noptions edns0\nsortlist 1.2.3.4\n",
    );
    const printed = forwardedResolvConf(local, "/etc/resolv.conf", nothing);
    expect(printed).toContain("nameserver 10.0.0.1\nsearch a b\noptions edns0\nsortlist 1.2.3.4\n");
    expect(printed).not.toContain("127.0.0.53");
    const none = forwardedResolvConf(parseResolvConf("nameserver ::1"), "/etc/resolv.conf", nothing);
    expect(none).toContain("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    expect(none).toContain("# Used default nameservers.\n");
  });
  test("a dot asks for no search domain", () => {
    const printed = forwardedResolvConf(parseResolvConf("search a"), "/f", { ...nothing, dnsSearch: ["."] });
    expect(printed).not.toContain("search a");
  });
  test("the name server asks the user's servers, else the host's, also on its loopback", () => {
    expect(upstreamServers(parseResolvConf("nameserver 127.0.0.53"), [])).toEqual(["127.0.0.53"]);
    expect(upstreamServers(host, ["1.1.1.1"])).toEqual(["1.1.1.1"]);
  });
});

describe("hosts", () => {
  test("standard lines, then entries in their order", () => {
    const printed = printHosts([{ ip: "172.17.0.2", names: ["x", "hh", "web"] }]);
    expect(printed).toBe(
      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n" +
        "ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n172.17.0.2\tx hh web\n",
    );
  });
  test("a hostname with a domain also stands without", () => {
    expect(ownNames("foo.bar.com", "")).toEqual(["foo.bar.com", "foo"]);
    expect(ownNames("foo", "bar.com")).toEqual(["foo.bar.com", "foo"]);
    expect(ownNames("foo", "")).toEqual(["foo"]);
  });
  test("--add-host", () => {
    expect(parseExtraHost("a:1.2.3.4")).toEqual({ ip: "1.2.3.4", names: ["a"] });
    expect(parseExtraHost("a:[fd00::1]")).toEqual({ ip: "fd00::1", names: ["a"] });
    expect(parseExtraHost("a:fd00::1")).toEqual({ ip: "fd00::1", names: ["a"] });
    expect(parseExtraHost("nothing")).toBeUndefined();
  });
});
