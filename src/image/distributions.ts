/** The distributions that can be put together from packages, and where their packages are. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";

export interface Distribution {
  name: string;
  suite: string;
  /** Lines of sources.list(5). */
  sources: string[];
  keyring: string;
}

interface KnownDistribution {
  mirror: string;
  /** Of security updates, when they lie apart from the mirror. */
  securityMirror?: string;
  components: string;
  keyring: string;
  keyringPackage: string;
  releases: Record<string, string>;
  /** Suites without updates beside them. */
  rolling: string[];
}

const DISTRIBUTIONS: Record<string, KnownDistribution> = {
  debian: {
    mirror: "http://deb.debian.org/debian",
    securityMirror: "http://deb.debian.org/debian-security",
    components: "main",
    keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
    keyringPackage: "debian-archive-keyring",
    releases: { "11": "bullseye", "12": "bookworm", "13": "trixie", latest: "stable" },
    rolling: ["sid", "unstable", "testing"],
  },
  ubuntu: {
    mirror: "http://archive.ubuntu.com/ubuntu",
    components: "main universe",
    keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    keyringPackage: "ubuntu-keyring",
    releases: { "20.04": "focal", "22.04": "jammy", "24.04": "noble", latest: "noble" },
    rolling: [],
  },
};

/**
 * "debian:bookworm" → suite, sources and keys. Absent `mirror`: as the machine's own apt sources say.
 * @throws invalid for an unknown distribution, unavailable when its keys are missing
 */
export async function resolveDistribution(text: string, mirror: string | undefined): Promise<Distribution> {
  const [name = "", version = "latest"] = text.split(":");
  const known = DISTRIBUTIONS[name];
  if (!known || !/^[a-z0-9][a-z0-9.-]*$/.test(version)) {
    throw new NaruError(
      "invalid",
      `cannot bootstrap ${JSON.stringify(text)}: name a distribution as debian:bookworm or ubuntu:noble`,
    );
  }
  if (!(await Bun.file(known.keyring).exists())) {
    throw new NaruError(
      "unavailable",
      `the archive keys of ${name} are missing (${known.keyring}): install the package ${known.keyringPackage}`,
    );
  }
  const suite = known.releases[version] ?? version;
  const uris = mirror ? [mirror] : await machineUris();
  return { name, suite, sources: sourceLines(name, known, suite, uris), keyring: known.keyring };
}

/** The suite with its updates, from the machine's mirrors where it has them. A mirror that was named gets the suite only. */
function sourceLines(name: string, known: KnownDistribution, suite: string, uris: string[]): string[] {
  const named = (ending: string) => uris.find((uri) => uri.replace(/\/+$/, "").endsWith(`/${ending}`));
  const mirror = named(name) ?? (uris.length === 1 ? uris[0]! : known.mirror);
  const line = (uri: string, release: string) => `deb ${uri} ${release} ${known.components}`;
  if (known.rolling.includes(suite) || uris.length === 1) return [line(mirror, suite)];
  const security = known.securityMirror ? (named(`${name}-security`) ?? known.securityMirror) : mirror;
  return [line(mirror, suite), line(mirror, `${suite}-updates`), line(security, `${suite}-security`)];
}

/** Addresses in the machine's own apt sources, in their two formats (sources.list(5)). */
async function machineUris(): Promise<string[]> {
  const found = new Set<string>();
  const paths = ["/etc/apt/sources.list"];
  for (const name of await readdir("/etc/apt/sources.list.d").catch(() => [])) {
    if (/\.(list|sources)$/.test(name)) paths.push(join("/etc/apt/sources.list.d", name));
  }
  for (const path of paths) {
    const text = await readFile(path, "utf8").catch(() => "");
    for (const [, uri] of text.matchAll(/^\s*(?:URIs:|deb\s+(?:\[[^\]]*\]\s+)?)\s*(https?:\/\/\S+)/gm)) found.add(uri!);
  }
  return [...found];
}
