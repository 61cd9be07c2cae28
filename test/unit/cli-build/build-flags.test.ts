/** The flags of `build`: their names beside docker's, and what they ask of the daemon. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readAttestations } from "../../../src/cli/build/attestations.ts";
import { buildFlags } from "../../../src/cli/build/build-flags.ts";
import { type PlannedBuild, planBuild } from "../../../src/cli/build/build-wish.ts";
import { readCaches } from "../../../src/cli/build/caches.ts";
import { readMethod } from "../../../src/cli/build/check-answer.ts";
import { readOutputs } from "../../../src/cli/build/outputs.ts";
import type { FlagSet } from "../../../src/cli/flags.ts";
import { parseFlags } from "../../../src/cli/flags.ts";

const RECORDED = join(import.meta.dir, "../../../../shared/specs/compat/buildx-cli-flags.csv");

const flagsOf = (words: string[]) => parseFlags(buildFlags, words).values;
const outputs = (words: string[], isTerminal = false) => readOutputs(flagsOf(words), isTerminal);

function plan(words: string[], config = {}): PlannedBuild {
  const flags = flagsOf(words);
  return planBuild(flags, {
    files: { context: { type: "directory" }, directory: "/ctx", dockerfilePath: "" },
    outputs: readOutputs(flags, false),
    onlyCheck: undefined,
    config,
    host: "unix:///x",
    agents: [],
  });
}

test.if(existsSync(RECORDED))("every flag of docker's builder is there, with its letter and type", () => {
  const lines = readFileSync(RECORDED, "utf8").split("\n");
  for (const line of lines.filter((text) => text.startsWith("docker buildx build,"))) {
    const [, name = "", short = "", type = ""] = line.split(",");
    const flag = (buildFlags as FlagSet)[name.slice(2)];
    expect(`${name} ${flag?.short ?? ""} ${flag?.bare === undefined ? (flag?.type ?? "absent") : "bool"}`).toBe(
      `${name} ${short.slice(1)} ${type === "stringSlice" ? "strings" : type}`,
    );
  }
});

describe("outputs", () => {
  const CASES: [words: string[], wishes: unknown[], destinations: unknown[]][] = [
    [["-t", "a"], [{ type: "image", push: false, names: ["a"] }], [undefined]],
    [["-o", "out"], [{ type: "local" }], [{ kind: "directory", path: "out" }]],
    [["-o", "-"], [{ type: "tar" }], [{ kind: "stdout" }]],
    [["-o", "type=tar,dest=x.tar"], [{ type: "tar" }], [{ kind: "file", path: "x.tar" }]],
    [
      ["-t", "a", "-o", "type=docker,dest=x.tar", "--load"],
      [
        { type: "docker", names: ["a"] },
        { type: "image", push: false, names: ["a"] },
      ],
      [{ kind: "file", path: "x.tar" }, undefined],
    ],
    [["-t", "r/a", "--push"], [{ type: "image", push: true, names: ["r/a"] }], [undefined]],
    [
      ["-o", 'type=registry,"name=r/a,r/b",compression=zstd,oci-mediatypes=false'],
      [{ type: "image", push: true, names: ["r/a", "r/b"], compression: "zstd", ociMediaTypes: false }],
      [undefined],
    ],
    [
      [
        ...["--annotation", "index:k=v", "--annotation", "org.x=y"],
        ...["-o", "type=oci,dest=o,annotation.Q=r,annotation[linux/arm64].s=t"],
      ],
      [
        {
          type: "oci",
          names: [],
          annotations: { "manifest:Q": "r", "manifest[linux/arm64]:s": "t", "index:k": "v", "org.x": "y" },
        },
      ],
      [{ kind: "file", path: "o" }],
    ],
    [
      ["--annotation", "index,manifest[linux/arm64]:a=b", "-o", "type=image,annotation-manifest-descriptor.k=v"],
      [
        {
          type: "image",
          push: false,
          names: [],
          annotations: { "manifest-descriptor:k": "v", "index,manifest[linux/arm64]:a": "b" },
        },
      ],
      [undefined],
    ],
    [
      ["-o", "type=oci,tar=false,dest=x,force-compression=true,compression=zstd"],
      [{ type: "oci", names: [], compression: "zstd", forceCompression: true }],
      [{ kind: "layout", path: "x" }],
    ],
    [["-o", "type=cacheonly"], [{ type: "cacheonly" }], [undefined]],
  ];
  for (const [words, wishes, destinations] of CASES) {
    test(words.join(" "), () => expect(outputs(words)).toEqual({ wishes, destinations } as never));
  }

  const REFUSED: [words: string[], reason: string][] = [
    [["-o", "type=local"], "dest is required for local output"],
    [["-o", "type=local,dest=-"], "dest cannot be stdout for local output"],
    [["-o", "dest=x"], "type is required for output"],
    [["-o", "type=oci,tar=false"], "dest is required for --output type=oci,tar=false: a directory"],
    [["-o", "type=oci,tar=false,dest=-"], "dest is required for --output type=oci,tar=false: a directory"],
    [["--annotation", "layer:a=b"], "annotations stand on manifest, index, manifest-descriptor or index-descriptor"],
    [["-o", "type=image,compression=lzma"], "compression lzma is not supported"],
    [["-o", "type=tar,name=x"], "unknown setting name of --output type=tar"],
    [["-o", "type=image,annotations.a=b"], "unknown setting annotations.a of --output type=image"],
    [["-o", "-", "-o", "type=oci"], "only one output can go to standard output"],
    [["--push"], "tag is needed when pushing to registry"],
    [["--annotation", "none"], "expected key=value"],
  ];
  for (const [words, reason] of REFUSED) test(words.join(" "), () => expect(() => outputs(words)).toThrow(reason));

  test("an archive is not written to a terminal", () => {
    expect(() => outputs(["-o", "-"], true)).toThrow("refusing to write to console");
  });
});

describe("caches", () => {
  test("images, registries, directories", () => {
    expect(readCaches("cache-from", ["user/app", "type=local,src=/c"])).toEqual({
      wishes: [
        { type: "registry", ref: "user/app", attributes: {} },
        { type: "local", attributes: {} },
      ],
      directories: [undefined, "/c"],
    });
    expect(readCaches("cache-to", ["type=inline", "type=registry,ref=r,mode=max"]).wishes).toEqual([
      { type: "inline" },
      { type: "registry", ref: "r", attributes: { mode: "max" } },
    ]);
  });
  for (const [text, reason] of [
    ["type=s3,bucket=b", "type=s3 is not supported"],
    ["type=local", "requires dest"],
    ["type=registry", "requires ref"],
    ["type=local,dest=/c,mode=mid", "invalid mode mid"],
    ["type=registry,ref=c,compression=estargz", "compression estargz of --cache-to is not supported"],
  ] as const) {
    test(text, () => expect(() => readCaches("cache-to", [text])).toThrow(reason));
  }
});

describe("attestations and methods", () => {
  const attested = (words: string[]) => readAttestations(flagsOf(words));
  test("long and short forms", () => {
    expect(attested([])).toEqual({ sbom: false });
    expect(attested(["--attest", "type=provenance,mode=max", "--sbom", "true"])).toEqual({
      provenance: "max",
      provenanceVersion: "v1",
      sbom: true,
    });
    expect(attested(["--attest", "type=provenance,mode=max", "--provenance", "false"])).toEqual({ sbom: false });
    expect(attested(["--provenance", "mode=max,version=v0.2,builder-id=me"])).toEqual({
      provenance: "max",
      provenanceVersion: "v0.2",
      builderId: "me",
      sbom: false,
    });
    expect(() => attested(["--provenance", "version=v9"])).toThrow("invalid version v9 of provenance: use v0.2 or v1");
    expect(() => attested(["--provenance", "inline-only=true"])).toThrow("inline-only is what nobody asks for");
    expect(() => attested(["--sbom", "generator=other/scanner"])).toThrow("leave generator out");
    expect(() => attested(["--attest", "type=seal"])).toThrow("unsupported attestation type");
  });
  test("--check and --call", () => {
    expect(readMethod({ call: "build", check: true })).toEqual({ onlyCheck: "lint", isJson: false });
    expect(readMethod({ call: "outline,format=json", check: false })).toEqual({ onlyCheck: "outline", isJson: true });
    expect(() => readMethod({ call: "dance", check: false })).toThrow("unknown method dance");
    expect(() => readMethod({ call: "targets", check: true })).toThrow("different things");
  });
});

describe("the wish", () => {
  test("arguments come from flags, the environment and docker's configuration, in that order", () => {
    process.env.NARU_TEST_ARG = "outside";
    const config = { proxies: { default: { httpProxy: "http://p" } } };
    const { wish } = plan(
      [
        "--build-arg",
        "A=1",
        "--build-arg",
        "NARU_TEST_ARG",
        "--build-arg",
        "UNSET_ANYWHERE",
        "--build-arg",
        "http_proxy=own",
      ],
      config,
    );
    expect(wish.buildArgs).toEqual({ A: "1", NARU_TEST_ARG: "outside", http_proxy: "own", HTTP_PROXY: "http://p" });
    delete process.env.NARU_TEST_ARG;
  });

  test("hosts, networks, limits", () => {
    const { wish } = plan([
      ..."--add-host a:1.2.3.4,b=[::1] --network host --allow security.insecure -m 10m --cpu-shares 5".split(" "),
      ..."--platform linux/amd64,linux/arm64 --no-cache-filter a,b --shm-size 1m --ulimit nofile=1:2".split(" "),
    ]);
    expect(wish.extraHosts).toEqual(["a:1.2.3.4", "b:::1"]);
    expect(wish.entitlements).toEqual(["security.insecure", "network.host"]);
    expect(wish.resources).toEqual({ memory: 10 << 20, cpuShares: 5 });
    expect(wish.platforms).toEqual(["linux/amd64", "linux/arm64"]);
    expect(wish.noCacheStages).toEqual(["a", "b"]);
    expect(wish.shmSizeBytes).toBe(1 << 20);
    expect(wish.ulimits).toEqual([{ Name: "nofile", Soft: 1, Hard: 2 }]);
  });

  test("named contexts: directories stay here, addresses go along", () => {
    const { wish, directories } = plan(["--build-context", "d=/tmp", "--build-context", "i=docker-image://x"]);
    expect(wish.namedContexts).toEqual({ d: null, i: "docker-image://x" });
    expect([...directories.keys()]).toEqual(["", "d"]);
  });

  test.each([
    ["/tmp", { tag: "latest" }],
    ["/tmp:v1.2", { tag: "v1.2" }],
    [`/tmp:v1@sha256:${"a".repeat(64)}`, { digest: `sha256:${"a".repeat(64)}` }],
  ])("an OCI layout stays here, what is meant of it goes along: %s", (place, choice) => {
    const { wish, directories } = plan(["--build-context", `l=oci-layout://${place}`]);
    expect(wish.namedContexts).toEqual({ l: choice });
    expect(directories.get("l")).toBe("/tmp");
  });

  test("builds of two Dockerfiles of a directory keep their files apart, equal ones do not", () => {
    expect(plan(["-f", "a"]).wish.key).not.toBe(plan(["-f", "b"]).wish.key);
    expect(plan(["-f", "a", "-t", "x"]).wish.key).toBe(plan(["-f", "a"]).wish.key);
  });

  const REFUSED: [words: string[], reason: string][] = [
    [["--builder", "b"], 'no builder "b" found'],
    [["--isolation", "hyperv"], "is of Windows"],
    [["--security-opt", "x"], "--security-opt has no meaning"],
    [["--disable-content-trust=false"], "content trust with Notary"],
    [["--rm=false"], "keeps no containers"],
    [["--allow", "everything"], "invalid entitlement everything"],
    [["--secret", "src=/etc/hostname,kind=x"], "unknown setting kind"],
    [["--secret", "id=x,type=vault"], "unsupported secret type"],
    [["--build-context", "x"], "expected key=value"],
    [["--build-context", "x=/no/such/place"], "is not a directory"],
    [["--build-context", "x=oci-layout:///no/such/place:v1"], "/no/such/place is not a directory"],
    [["--build-context", "x=oci-layout:///tmp@sha256:1"], 'invalid digest "sha256:1" of the build context x'],
    [["--add-host", "x"], "write it as name:address"],
  ];
  for (const [words, reason] of REFUSED) test(words.join(" "), () => expect(() => plan(words)).toThrow(reason));
});
