/** The builder through its contract: outputs, caches that travel, attestations, limits, reproducible layers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryLayout } from "../../src/build/contexts/directory-layout.ts";
import type { BuildEvent, BuildOutput, ClientSession, LayoutBlobs } from "../../src/build/contract.ts";
import { layoutTar } from "../../src/build/solver/layout-tar.ts";
import type { Manifest } from "../../src/model/image.ts";
import { busyboxTar, eventually } from "../support/daemon.ts";
import { failureOf } from "../support/failure.ts";
import { startNaruRegistry } from "../support/naru-registry.ts";
import {
  directoryContext,
  gatheredOutput,
  type OpenBuilder,
  once,
  openBuilder,
  requestOf,
} from "../support/open-builder.ts";

let builder: OpenBuilder;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-builder-test-"));
  builder = await openBuilder();
  await builder.importBusybox();
});
afterAll(async () => {
  await builder[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

/** The very image, not another one made the same way. */
async function copyBusybox(other: OpenBuilder): Promise<void> {
  const { signal } = new AbortController();
  const archive = await builder.parts.engine.images.save(["busybox"], { signal });
  for await (const _ of other.parts.engine.images.load(archive, { quiet: true, signal }));
}

async function contextWith(files: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(join(scratch, "context-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(directory, name, ".."), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}

/** Names in a tar, with the contents of small files. */
async function listTar(bytes: Uint8Array): Promise<Record<string, string>> {
  const directory = await mkdtemp(join(scratch, "tar-"));
  await Bun.$`tar -C ${directory} -x < ${Buffer.from(bytes)}`.quiet();
  const found: Record<string, string> = {};
  for (const name of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(name.parentPath, name.name);
    if (name.isFile()) found[path.slice(directory.length + 1)] = await Bun.file(path).text();
  }
  return found;
}

function stepsOf(events: BuildEvent[]) {
  const last = new Map(
    events.flatMap((event) => (event.type === "step" ? [[event.step.digest, event.step] as const] : [])),
  );
  return [...last.values()];
}
const stepLike = (events: BuildEvent[], text: string) => stepsOf(events).find(({ name }) => name.includes(text))!;

describe("outputs", () => {
  test("a tree as a tar and as files, without what containers have below their image", async () => {
    const tar = gatheredOutput("tar");
    await builder.build("FROM scratch\nCOPY --from=busybox /bin/busybox /b\nCOPY <<EOF /dir/text\nhello\nEOF\n", {
      outputs: [tar.output],
    });
    const names = await listTar(tar.bytes());
    expect(Object.keys(names).sort()).toEqual(["b", "dir/text"]);
    expect(names["dir/text"]).toBe("hello\n");
    const local = gatheredOutput("local");
    await builder.build("FROM scratch\n", { outputs: [local.output] });
    expect(await listTar(local.bytes())).toEqual({});
  });

  test("an OCI layout and a docker archive, which docker's own format can be loaded from; nothing stays in the store", async () => {
    const before = builder.parts.engine;
    const count = async () => (await before.images.list({ all: true, filters: new Map(), sharedSize: false })).length;
    const images = await count();
    for (const type of ["oci", "docker"] as const) {
      const archive = gatheredOutput(type, ["demo:1", "demo:2"]);
      const { result } = await builder.build("FROM busybox\nRUN echo x >/x\n", { outputs: [archive.output] });
      const files = await listTar(archive.bytes());
      const index = JSON.parse(files["index.json"]!);
      expect(
        index.manifests.map(
          (one: { annotations: Record<string, string> }) => one.annotations["io.containerd.image.name"],
        ),
      ).toEqual(["docker.io/library/demo:1", "docker.io/library/demo:2"]);
      expect(JSON.parse(files["manifest.json"]!)[0].RepoTags).toEqual(["demo:1", "demo:2"]);
      expect(result.metadata["containerimage.digest"]).toBe(index.manifests[0].digest);
    }
    expect(await count()).toBe(images);
  });

  test("zstd layers, annotations, labels and several names", async () => {
    const { result } = await builder.build("FROM busybox\nRUN echo z >/z\n", {
      labels: { l: "1" },
      outputs: [
        {
          type: "image",
          names: ["zstd:a", "zstd:b"],
          push: false,
          compression: "zstd",
          annotations: { note: "n", "index:top": "t" },
        },
      ],
    });
    const image = await builder.parts.engine.images.inspect("zstd:b");
    expect(image.RepoTags).toEqual(["zstd:a", "zstd:b"]);
    expect(image.Config?.Labels).toEqual({ l: "1" });
    const index = await blobOf(image.Id);
    expect(index.annotations).toEqual({ top: "t" });
    const manifest = await blobOf(index.manifests[0].digest);
    expect(manifest.annotations).toEqual({ note: "n" });
    expect(manifest.layers.at(-1)!.mediaType).toEndWith("+zstd");
    expect(result.metadata).toMatchObject({ "containerimage.digest": image.Id, "image.name": "zstd:a,zstd:b" });
  });

  test("several platforms make an index, and a directory each", async () => {
    const platforms = ["amd64", "arm64"].map((architecture) => ({ os: "linux", architecture }));
    const local = gatheredOutput("local");
    const archive = gatheredOutput("oci", ["multi"]);
    const { result } = await builder.build("FROM scratch\nARG TARGETARCH\nCOPY <<EOF /arch\n$TARGETARCH\nEOF\n", {
      platforms,
      outputs: [local.output, archive.output, { type: "image", names: ["multi"], push: false }],
    });
    expect(await listTar(local.bytes())).toEqual({ "linux_amd64/arch": "amd64\n", "linux_arm64/arch": "arm64\n" });
    const index = await blobOf(result.imageId!);
    expect(index.manifests.map(({ platform }: { platform: object }) => platform)).toEqual(platforms);
    const files = await listTar(archive.bytes());
    expect(JSON.parse(files["index.json"]!).manifests[0].digest).toBe(result.imageId!);
    const docker = gatheredOutput("docker", ["multi"]);
    const refused = await failureOf(
      builder.build("FROM scratch\nCOPY <<EOF /f\nEOF\n", { platforms, outputs: [docker.output] }),
    );
    expect(refused.message).toContain("does not support exporting manifest lists");
  });

  test("provenance and a bill of materials lie beside the image as BuildKit puts them", async () => {
    const { result } = await builder.build("FROM busybox\nARG SECRET\nRUN echo p >/p\n", {
      buildArgs: { SECRET: "do not tell" },
      attestations: { provenance: "max", sbom: true },
      outputs: [{ type: "image", names: ["attested"], push: false }],
    });
    const index = await blobOf(result.imageId!);
    const [image, attestation] = index.manifests;
    expect(attestation.platform).toEqual({ architecture: "unknown", os: "unknown" });
    expect(attestation.annotations).toEqual({
      "vnd.docker.reference.digest": image.digest,
      "vnd.docker.reference.type": "attestation-manifest",
    });
    const manifest: Manifest = await blobOf(attestation.digest);
    expect(manifest.layers.map(({ annotations }) => annotations!["in-toto.io/predicate-type"]!)).toEqual([
      "https://spdx.dev/Document",
      "https://slsa.dev/provenance/v1",
    ]);
    const [sbom, provenance] = await Promise.all(manifest.layers.map(({ digest }) => blobOf(digest)));
    expect(sbom.predicate.spdxVersion).toBe("SPDX-2.3");
    expect(provenance.subject[0].digest.sha256).toBe(image.digest.slice(7));
    expect(provenance.predicate.buildDefinition.externalParameters.request.args).toEqual({
      "build-arg:SECRET": "do not tell",
    });
    expect(provenance.predicate.buildDefinition.resolvedDependencies[0].uri).toStartWith("pkg:docker/busybox@latest");
    const least = await builder.build("FROM busybox\nARG SECRET\nRUN echo p >/p\n", {
      buildArgs: { SECRET: "do not tell" },
      attestations: { provenance: "min", sbom: false },
      outputs: [{ type: "image", names: ["attested:min"], push: false }],
    });
    const other: Manifest = await blobOf((await blobOf(least.result.imageId!)).manifests[1].digest);
    expect(JSON.stringify(await blobOf(other.layers[0]!.digest))).not.toContain("do not tell");
    const ran = await builder.parts.engine.images.inspect("attested");
    expect(ran.RootFS.Layers).toHaveLength(2);
  });

  // biome-ignore lint/suspicious/noExplicitAny: JSON of several kinds
  async function blobOf(digest: string): Promise<any> {
    return await Bun.file(join(builder.dataRoot, "blobs/sha256", digest.slice("sha256:".length))).json();
  }
});

describe("what copies keep", () => {
  test("holes, hard links, attributes, set-id bits and times", async () => {
    const directory = await contextWith({ plain: "x" });
    await Bun.$`cd ${directory} && truncate -s 50M sparse && ln plain linked && setfattr -n user.note -v kept plain && chmod 4755 plain`.quiet();
    await utimes(join(directory, "plain"), 981173106, 981173106);
    const dockerfile =
      "FROM busybox AS one\nCOPY . /all/\nFROM busybox\nCOPY --from=one /all /again\nRUN stat -c '%h %b %s %Y %a' /again/plain /again/sparse >/s; test /again/plain -ef /again/linked\n";
    const tar = gatheredOutput("tar");
    await builder.build(dockerfile, { context: directoryContext(directory), outputs: [tar.output] });
    const unpacked = await mkdtemp(join(scratch, "kept-"));
    await Bun.$`tar -C ${unpacked} --xattrs -x < ${Buffer.from(tar.bytes())}`.quiet();
    const [plain = "", sparse = ""] = (await Bun.file(join(unpacked, "s")).text()).split("\n");
    expect(plain).toMatch(/^2 \d+ 1 981173106 4755$/);
    const [, blocks, size] = sparse.split(" ").map(Number);
    expect([blocks! < 1000, size]).toEqual([true, 50 * 1024 * 1024]);
    const note = await Bun.$`getfattr --only-values -n user.note ${unpacked}/again/plain`.quiet();
    expect(note.stdout.toString()).toBe("kept");
  });

  test("ADD unpacks every compression, and takes what only looks like an archive for a file", async () => {
    const directory = await contextWith({ inner: "inside\n" });
    await Bun.$`cd ${directory} && tar cf a.tar inner && tar czf a.tgz inner && tar cjf a.tbz inner && tar cJf a.txz inner && zstd -q -o a.tzst a.tar`.quiet();
    await Bun.$`cd ${directory} && gzip -c inner > note.gz && head -c 300 a.tgz | head -c 5 > cut.tgz`.quiet();
    const names = ["a.tar", "a.tgz", "a.tbz", "a.txz", "a.tzst"];
    const adds = [...names, "note.gz", "cut.tgz"].map((name) => `ADD ${name} /${name}.d/`);
    const tar = gatheredOutput("tar");
    await builder.build(`FROM scratch\n${adds.join("\n")}\n`, {
      context: directoryContext(directory),
      outputs: [tar.output],
    });
    const files = await listTar(tar.bytes());
    for (const name of names) expect(files[`${name}.d/inner`]).toBe("inside\n");
    expect(Object.keys(files).filter((name) => name.includes("note") || name.includes("cut"))).toEqual(
      expect.arrayContaining(["note.gz.d/note.gz", "cut.tgz.d/cut.tgz"]),
    );
  });

  test("a cache directory begins with what it is seeded from, with the owner and mode that were asked for", async () => {
    const tar = gatheredOutput("tar");
    const dockerfile = [
      "FROM busybox AS seed",
      "RUN mkdir -p /s/deep && echo seeded >/s/deep/f",
      "FROM busybox",
      "RUN --mount=type=cache,id=seeded,target=/c,from=seed,source=/s cat /c/deep/f >/got; echo more >>/c/deep/f",
      "RUN --mount=type=cache,id=seeded,target=/c,from=seed,source=/s cat /c/deep/f >/again",
      "RUN --mount=type=cache,id=owned,target=/o,uid=7,gid=8,mode=0750 stat -c '%u %g %a' /o >/owner",
    ].join("\n");
    await builder.build(dockerfile, { outputs: [tar.output] });
    expect(await listTar(tar.bytes())).toMatchObject({ got: "seeded\n", again: "seeded\nmore\n", owner: "7 8 750\n" });
  });
});

describe("reproducible", () => {
  const dockerfile = "FROM busybox\nWORKDIR /app\nCOPY . .\nRUN echo made >made\n";

  async function digestsFrom(open: OpenBuilder, directory: string): Promise<string[]> {
    const { result } = await open.build(dockerfile, {
      context: directoryContext(directory),
      buildArgs: { SOURCE_DATE_EPOCH: "1600000000" },
      outputs: [{ type: "image", names: ["rep"], push: false }],
    });
    const image = await open.parts.engine.images.inspect(result.imageId!);
    return [...image.RootFS.Layers!, image.Created ?? ""];
  }

  test("layers are the same from another root, at another time, in another order", async () => {
    await using other = await openBuilder();
    await copyBusybox(other);
    const files = { "b/two": "2", "a/one": "1", zero: "0" };
    const one = await contextWith(files);
    const two = await contextWith(Object.fromEntries(Object.entries(files).reverse()));
    for (const [directory, time] of [
      [one, 1_700_000_000],
      [two, 1_750_000_000],
    ] as const) {
      for (const name of await readdir(directory, { recursive: true })) await utimes(join(directory, name), time, time);
    }
    const first = await digestsFrom(builder, one);
    await Bun.sleep(1100);
    expect(await digestsFrom(other, two)).toEqual(first);
    expect(first.at(-1)).toBe("2020-09-13T12:26:40Z");
  });
});

describe("a cache that travels", () => {
  const dockerfile =
    "FROM busybox AS one\nRUN cat /proc/sys/kernel/random/uuid >/u\nFROM busybox\nCOPY --from=one /u /u\nRUN echo last >/last\n";

  /** Takes a cache's blobs as a tar, as naru's own client gets them. */
  function gatheredLayout() {
    const chunks: Uint8Array[] = [];
    return {
      write: async (blobs: LayoutBlobs) => {
        for await (const chunk of layoutTar(blobs)) chunks.push(chunk);
      },
      unpack: async () => {
        const directory = await mkdtemp(join(scratch, "cache-"));
        await Bun.$`tar -C ${directory} -x < ${Buffer.concat(chunks)}`.quiet();
        return directory;
      },
    };
  }

  async function bytesOf(
    open: OpenBuilder,
    request: Parameters<OpenBuilder["build"]>[1],
  ): Promise<[string, BuildEvent[]]> {
    const tar = gatheredOutput("tar");
    const { events } = await open.build(dockerfile, { outputs: [tar.output], ...request });
    return [(await listTar(tar.bytes())).u!, events];
  }

  test("to a directory and from there to another builder, with all steps", async () => {
    const { write, unpack } = gatheredLayout();
    const [first] = await bytesOf(builder, { cacheTo: [{ type: "local", mode: "max", attributes: {}, write }] });
    const directory = await unpack();
    await using other = await openBuilder();
    await copyBusybox(other);
    const layout = new DirectoryLayout(directoryContext(directory, "cache"));
    const [second, events] = await bytesOf(other, { cacheFrom: [{ type: "local", layout }] });
    expect(second).toBe(first);
    expect(stepsOf(events).filter(({ name, cached }) => / (RUN|COPY) /.test(name) && !cached)).toEqual([]);
  });

  test("the least of it is enough when nothing changed: stages whose layers did not travel are not built", async () => {
    const { write, unpack } = gatheredLayout();
    const [first] = await bytesOf(builder, { cacheTo: [{ type: "local", mode: "min", attributes: {}, write }] });
    const directory = await unpack();
    const whole = builder.parts.builder;
    await whole.pruneCache({ all: true, filters: new Map() });
    const layout = new DirectoryLayout(directoryContext(directory, "cache"));
    const [second, events] = await bytesOf(builder, { cacheFrom: [{ type: "local", layout }] });
    expect(second).toBe(first);
    expect(events.some(({ type }) => type === "running")).toBeFalse();
    // With another last step the stage's files are still known by what they are.
    const tar = gatheredOutput("tar");
    const changed = dockerfile.replace("echo last", "echo other");
    const again = await builder.build(changed, {
      outputs: [tar.output],
      cacheFrom: [{ type: "local", layout }],
    });
    expect((await listTar(tar.bytes())).u).toBe(first);
    expect(again.events.filter(({ type }) => type === "running")).toHaveLength(1);
  });

  test("inside the image; one that is not there does not end the build", async () => {
    const { result } = await builder.build("FROM busybox\nRUN cat /proc/sys/kernel/random/uuid >/u\n", {
      cacheTo: [{ type: "inline" }],
      outputs: [{ type: "image", names: ["inline"], push: false }],
    });
    await builder.parts.builder.pruneCache({ all: true, filters: new Map() });
    const { result: again, events } = await builder.build("FROM busybox\nRUN cat /proc/sys/kernel/random/uuid >/u\n", {
      cacheFrom: [
        { type: "registry", ref: "inline", attributes: {} },
        { type: "registry", ref: "127.0.0.1:1/nothing", attributes: {} },
      ],
      outputs: [{ type: "image", names: ["inline:again"], push: false }],
    });
    const layersOf = async (id: string) => (await builder.parts.engine.images.inspect(id)).RootFS.Layers;
    expect(await layersOf(again.imageId!)).toEqual(await layersOf(result.imageId!));
    expect(stepLike(events, "RUN cat").cached).toBeTrue();
    expect(stepLike(events, "127.0.0.1:1").error).toContain("127.0.0.1:1");
    // What was imported is as old as it was: with its cache inside it is the very same image.
    const { result: same } = await builder.build("FROM busybox\nRUN cat /proc/sys/kernel/random/uuid >/u\n", {
      cacheTo: [
        { type: "inline" },
        { type: "registry", ref: "127.0.0.1:1/nothing", mode: "max", attributes: { "ignore-error": "true" } },
      ],
      outputs: [{ type: "image", names: ["inline:same"], push: false }],
    });
    expect(same.imageId).toBe(result.imageId!);
  });
});

describe("why a step missed the cache", () => {
  test("is told by file, variable or instruction", async () => {
    const directory = await contextWith({ "src/app.js": "1", other: "1" });
    const reasons = async (dockerfile: string, args: Record<string, string> = {}) => {
      const { events } = await builder.build(dockerfile, { context: directoryContext(directory), buildArgs: args });
      return stepsOf(events).flatMap(({ name, missReason }) =>
        missReason ? [`${name.replace(/^\[[^\]]*\] /, "")}: ${missReason}`] : [],
      );
    };
    const dockerfile = "FROM busybox\nARG VERSION=1\nCOPY . /app\nRUN echo $VERSION\n";
    await reasons(dockerfile);
    expect(await reasons(dockerfile)).toEqual([]);
    await writeFile(join(directory, "src/app.js"), "2");
    expect(await reasons(dockerfile)).toEqual([
      "COPY . /app: src/app.js changed",
      "RUN echo 1: what it stands on changed",
    ]);
    await writeFile(join(directory, "src/new.js"), "2");
    await rm(join(directory, "other"));
    expect((await reasons(dockerfile))[0]).toBe("COPY . /app: src/new.js is new and 1 more");
    expect(await reasons(dockerfile, { VERSION: "2" })).toEqual(["RUN echo 2: VERSION is 2, was 1"]);
    expect(await reasons(dockerfile.replace("echo", "echo -n"))).toEqual(["RUN echo -n 1: the instruction changed"]);
  });
});

describe("secrets and agents of the client", () => {
  const session: ClientSession = {
    readSecret: async (id) => (id === "token" ? Buffer.from("very secret") : undefined),
    findCredentials: async () => undefined,
    openSshAgent: async (id) => {
      if (id !== "default") return undefined;
      const waiting: ((data: Uint8Array | undefined) => void)[] = [];
      return {
        read: () => new Promise((resolve) => waiting.push(resolve)),
        write: async (data) => waiting.shift()?.(Buffer.from(`agent got ${Buffer.from(data).toString()}`)),
        close: () => {
          for (const wake of waiting.splice(0)) wake(undefined);
        },
      };
    },
  };

  test("reach the step and stay out of the layer, the history and the cache's keys", async () => {
    const tar = gatheredOutput("tar");
    const dockerfile = [
      "FROM busybox",
      "RUN --mount=type=secret,id=token,mode=0440,gid=7 stat -c '%a %u %g' /run/secrets/token >/mode; wc -c </run/secrets/token >/length",
      "RUN --mount=type=secret,id=token,env=TOKEN test \"$TOKEN\" = 'very secret'",
      "RUN --mount=type=secret,id=absent,target=/s test ! -e /s",
    ].join("\n");
    const { result } = await builder.build(dockerfile, {
      session,
      outputs: [tar.output, { type: "image", names: ["secret"], push: false }],
    });
    const files = await listTar(tar.bytes());
    expect([files.mode, files.length]).toEqual(["440 0 7\n", "11\n"]);
    expect(Object.keys(files).some((name) => name.includes("secrets"))).toBeFalse();
    expect(Buffer.from(tar.bytes()).includes("very secret")).toBeFalse();
    expect(JSON.stringify(await builder.parts.engine.images.inspect(result.imageId!))).not.toContain("very secret");
    const other = { ...session, readSecret: async () => Buffer.from("another secret") };
    const again = await builder.build(dockerfile.split("\n").slice(0, 2).join("\n"), { session: other });
    expect(stepLike(again.events, "stat -c").cached).toBeTrue();
  });

  test("an agent answers through its socket", async () => {
    const dockerfile =
      'FROM busybox\nRUN --mount=type=ssh echo "$SSH_AUTH_SOCK"; echo -n hello | nc -w 1 local:"$SSH_AUTH_SOCK" || test -S "$SSH_AUTH_SOCK"\n';
    const { events } = await builder.build(dockerfile, { session });
    const said = events.flatMap((event) => (event.type === "log" ? [Buffer.from(event.data).toString()] : [])).join("");
    expect(said).toContain("/run/buildkit/ssh_agent.0");
    const failure = await failureOf(
      builder.build("FROM busybox\nRUN --mount=type=ssh,id=other,required true\n", { session }),
    );
    expect(failure.message).toContain("--ssh other");
    expect(await readdir(join(builder.dataRoot, "../exec/build-ssh"))).toEqual([]);
  });
});

describe("files from elsewhere", () => {
  let server: Server;
  let url: string;
  const asked: string[] = [];
  let content = "first";
  beforeAll(async () => {
    server = createServer((request, response) => {
      const etag = `"${Bun.hash(content)}"`;
      const isSame = request.headers["if-none-match"] === etag;
      asked.push(`${request.method} ${request.url} ${isSame ? 304 : 200}`);
      response.setHeader("ETag", etag).setHeader("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT");
      if (isSame) response.writeHead(304).end();
      else if (request.url === "/file") response.end(content);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test("ADD of a URL: its time and mode, its validators, its checksum", async () => {
    const dockerfile = `FROM busybox\nADD ${url}/file /f\nRUN stat -c '%a %Y' /f >/stat\n`;
    const read = async (text = dockerfile) => {
      const tar = gatheredOutput("tar");
      await builder.build(text, { outputs: [tar.output] });
      return await listTar(tar.bytes());
    };
    expect(await read()).toMatchObject({ f: "first", stat: "600 1445412480\n" });
    await read();
    content = "second";
    expect((await read()).f).toBe("second");
    expect(asked.filter((line) => line.startsWith("GET"))).toEqual(["GET /file 200", "GET /file 304", "GET /file 200"]);
    const digest = new Bun.CryptoHasher("sha256").update("second").digest("hex");
    expect((await read(`FROM busybox\nADD --checksum=sha256:${digest} ${url}/file /f\n`)).f).toBe("second");
    const wrong = await failureOf(
      builder.build(`FROM busybox\nADD --checksum=sha256:${"0".repeat(64)} ${url}/file /f\n`),
    );
    expect(wrong.message).toContain("digest mismatch");
    expect((await failureOf(builder.build(`FROM busybox\nADD ${url}/nothing /f\n`))).message).toContain("404");
  });

  test("ADD of a git repository: a branch, a commit, a directory; hooks and other people's configuration have no say", async () => {
    const work = await mkdtemp(join(scratch, "git-"));
    const git = (...words: string[]) => Bun.$`git -c user.name=t -c user.email=t@t -C ${work} ${words}`.quiet();
    await git("init", "-q", "-b", "main");
    await mkdir(join(work, "sub"));
    await writeFile(join(work, "top"), "top");
    await writeFile(join(work, "sub/inner"), "inner");
    await git("add", ".");
    await git("commit", "-qm", "one");
    await git("tag", "-a", "v1", "-m", "v1");
    await writeFile(join(work, "top"), "changed");
    await git("commit", "-qam", "two");
    const bare = join(scratch, "served.git");
    await Bun.$`git clone -q --bare ${work} ${bare} && git -C ${bare} update-server-info && chmod -R a+rX ${scratch}`.quiet();
    await using served = serveDirectory(scratch);
    const read = async (ref: string, flags = "") => {
      const tar = gatheredOutput("tar");
      await builder.build(`FROM scratch\nADD ${flags} ${served.url}/served.git${ref} /r\n`, { outputs: [tar.output] });
      return await listTar(tar.bytes());
    };
    expect(await read("")).toEqual({ "r/top": "changed", "r/sub/inner": "inner" });
    expect(await read("#v1")).toEqual({ "r/top": "top", "r/sub/inner": "inner" });
    expect(await read("#main:sub")).toEqual({ "r/inner": "inner" });
    expect(Object.keys(await read("", "--keep-git-dir=true"))).toContain("r/.git/HEAD");
    const missing = await failureOf(builder.build(`FROM scratch\nADD ${served.url}/served.git#nope /r\n`));
    expect(missing.message).toContain("nope");
    expect(await readdir(join(builder.dataRoot, "builder/contexts"))).toEqual([]);
  });

  function serveDirectory(directory: string): AsyncDisposable & { url: string } {
    const files = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const file = Bun.file(join(directory, new URL(request.url).pathname));
        return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
      },
    });
    return { url: `http://127.0.0.1:${files.port}`, [Symbol.asyncDispose]: () => files.stop(true) };
  }
});

describe("registries", () => {
  test("take the image and its cache, and give the cache to another builder; the base comes from there too", async () => {
    await using registry = await startNaruRegistry();
    const dockerfile =
      "FROM busybox AS make\nRUN cat /proc/sys/kernel/random/uuid >/u\nFROM busybox\nCOPY --from=make /u /u\n";
    const attributes = {};
    const cache = { type: "registry", ref: `${registry.host}/app:cache`, attributes } as const;
    const names = [`${registry.host}/app:1`];
    const { result } = await builder.build(dockerfile, {
      outputs: [{ type: "image", names, push: true }],
      cacheTo: [{ ...cache, mode: "max" }],
    });
    const pushed = await registry.request("HEAD", "/v2/app/manifests/1");
    expect(pushed.headers.get("docker-content-digest")).toBe(result.imageId!);
    await using other = await openBuilder();
    await copyBusybox(other);
    const tar = gatheredOutput("tar");
    const { events } = await other.build(dockerfile, { outputs: [tar.output], cacheFrom: [cache] });
    expect(events.some(({ type }) => type === "running")).toBeFalse();
    const pulled = gatheredOutput("tar");
    await other.build(`FROM ${registry.host}/app:1\nRUN cp /u /v\n`, { outputs: [pulled.output] });
    const files = await listTar(pulled.bytes());
    expect([files.u, files.v]).toEqual([(await listTar(tar.bytes())).u, files.u]);
    const failure = await failureOf(
      builder.build("FROM busybox\n", { outputs: [{ type: "image", names: ["127.0.0.1:1/x"], push: true }] }),
    );
    expect(failure.message).toContain("failed to push 127.0.0.1:1/x");
  });
});

test("privileges are for builds whose client asks and whose daemon lets it", async () => {
  const dockerfile = "FROM busybox\nRUN --security=insecure cat /proc/self/status | grep CapEff >/caps\n";
  const entitlements = ["security.insecure"];
  const refused = await failureOf(builder.build(dockerfile, { entitlements }));
  expect(refused.message).toBe("granting entitlement security.insecure is not allowed by build daemon configuration");
  await using trusting = await openBuilder({ "builder-allow-insecure": true });
  await trusting.importBusybox();
  const tar = gatheredOutput("tar");
  await trusting.build(dockerfile, { entitlements, outputs: [tar.output] });
  const usual = gatheredOutput("tar");
  await trusting.build(dockerfile.replace("--security=insecure ", ""), { outputs: [usual.output] });
  const bits = async (bytes: Uint8Array) => BigInt(`0x${(await listTar(bytes)).caps!.split("\t")[1]!.trim()}`);
  expect(await bits(tar.bytes())).toBeGreaterThan(await bits(usual.bytes()));
});

test("an image for another processor is refused in clear words when nothing emulates it", async () => {
  const { signal } = new AbortController();
  const foreign = process.arch === "arm64" ? "s390x" : "arm64";
  const options = { repo: "foreign", tag: "latest", message: "", changes: [], platform: `linux/${foreign}`, signal };
  await builder.parts.engine.images.importTar(once(await busyboxTar()), options);
  const platforms = [{ os: "linux", architecture: foreign }];
  const failure = await failureOf(builder.build("FROM foreign\nRUN true\n", { platforms }));
  expect(failure.message).toContain(`cannot run programs of linux/${foreign}`);
  // Without a process there is nothing to emulate.
  const { result } = await builder.build("FROM foreign\nCOPY <<EOF /f\nx\nEOF\n", {
    platforms,
    outputs: [{ type: "image", names: ["foreign:built"], push: false }],
  });
  expect((await builder.parts.engine.images.inspect(result.imageId!)).Architecture).toBe(foreign);
});

describe("limits", () => {
  test("the cache is brought below them by itself after a build, the longest unused first", async () => {
    await using limited = await openBuilder({
      "builder-max-used-space": "1500000",
      "builder-reserved-space": "0",
      "builder-min-free-space": "0",
    });
    await limited.importBusybox();
    for (const name of ["a", "b", "c"])
      await limited.build(`FROM busybox\nRUN head -c 600000 /dev/urandom >/${name}\n`);
    const sizes = async () => (await limited.parts.builder.listCache()).reduce((sum, { Size }) => sum + Size, 0);
    await eventually(async () => (await sizes()) <= 1_500_000);
    const left = (await limited.parts.builder.listCache()).map(({ Description }) => Description);
    expect(left.some((text) => text.includes("/c"))).toBeTrue();
    expect(left.some((text) => text.includes("/a"))).toBeFalse();
  });

  test("what --no-cache makes anew replaces what was there before", async () => {
    const count = async () => (await builder.parts.builder.listCache()).length;
    const build = (noCache: boolean) => builder.build("FROM busybox\nRUN echo replaced >/r\n", { noCache });
    await build(false);
    const before = await count();
    await build(true);
    await build(true);
    await eventually(async () => (await count()) === before);
    const { events } = await build(false);
    expect(stepLike(events, "echo replaced").cached).toBeTrue();
  });

  test("whoever shares a step goes on when the build that began it goes away with its context", async () => {
    const wait = "until [ -e /m/open -o ! -e /m/file ]; do sleep 0.05; done";
    const dockerfile = `FROM busybox\nRUN --mount=type=bind,target=/m ${wait}; cat /m/file >/got\n`;
    const [first, second] = [await contextWith({ file: "same" }), await contextWith({ file: "same" })];
    /** Builds until its step runs, or it has joined the one that does. */
    const begin = async (directory: string, outputs: BuildOutput[], signal: AbortSignal) => {
      const events: BuildEvent[] = [];
      const request = requestOf(dockerfile, { context: directoryContext(directory), outputs });
      const built = builder.parts.builder.build(request, (event) => void events.push(event), signal);
      built.catch(() => {});
      await eventually(() => events.some(({ type }) => type === "running"));
      return { events, built };
    };
    const leaving = new AbortController();
    const one = await begin(first, [{ type: "cacheonly" }], leaving.signal);
    const tar = gatheredOutput("tar");
    const two = await begin(second, [tar.output], new AbortController().signal);
    await writeFile(join(second, "open"), "");
    leaving.abort(new Error("left"));
    expect((await failureOf(one.built)).message).toBe("left");
    await rm(first, { recursive: true });
    await two.built;
    expect((await listTar(tar.bytes())).got).toBe("same");
    expect(stepLike(two.events, "until").cached).toBeFalse();
  });

  test("a storm of builds, cancellations and prunes fails nowhere and leaves nothing", async () => {
    await using stormy = await openBuilder();
    await stormy.importBusybox();
    const directory = await contextWith({ f0: "0", f1: "1" });
    const failures: string[] = [];
    const one = async (index: number) => {
      const aborter = new AbortController();
      const timer = index % 3 === 0 ? setTimeout(() => aborter.abort(), (index * 37) % 500) : undefined;
      const sharing = ["shared", "locked", "private"][index % 3];
      const dockerfile = [
        `FROM busybox AS a\nRUN sleep 0.${index % 3}; echo ${index % 2} >/a`,
        `FROM busybox AS b\nCOPY f${index % 2} /f`,
        `RUN --mount=type=cache,target=/c,sharing=${sharing} cat /f >>/c/x; echo b >/b`,
        "FROM busybox\nCOPY --from=a /a /a\nCOPY --link --from=b /b /f /d/",
        "RUN --mount=type=bind,from=b,source=/f,target=/m cat /m >/z",
      ].join("\n");
      const outputs: BuildOutput[] = [{ type: "image", names: [`storm:${index % 4}`], push: false }];
      const request = { context: directoryContext(directory), noCache: index % 5 === 0, outputs };
      await stormy.build(dockerfile, request, aborter.signal).catch((error) => {
        if (!aborter.signal.aborted) failures.push(error.message);
      });
      clearTimeout(timer);
      if (index % 4 === 0) await stormy.parts.builder.pruneCache({ all: index % 8 === 0, filters: new Map() });
    };
    const waiting = Array.from({ length: 30 }, (_, index) => index).values();
    const lane = async () => {
      for (const index of waiting) await one(index);
    };
    await Promise.all(Array.from({ length: 6 }, lane));
    expect(failures).toEqual([]);
    for (const { Id, RepoTags } of await stormy.parts.engine.images.list({
      all: true,
      filters: new Map(),
      sharedSize: false,
    })) {
      if (!RepoTags.includes("busybox:latest"))
        await stormy.parts.engine.images.remove(Id, { force: true, noPrune: false });
    }
    await stormy.parts.builder.pruneCache({ all: true, filters: new Map() });
    expect((await readdir(join(stormy.dataRoot, "snapshots"))).length).toBe(2);
    expect((await readdir(join(stormy.dataRoot, "blobs/sha256"))).length).toBe(3);
    for (const place of ["builder/cache-mounts", "builder/contexts", "../exec/containers"]) {
      expect(await readdir(join(stormy.dataRoot, place))).toEqual([]);
    }
    expect(await Bun.file("/proc/self/mountinfo").text()).not.toContain("build-mounts");
  });

  test("a build that is cancelled leaves no layer, mount or process", async () => {
    const aborter = new AbortController();
    const before = await readdir(join(builder.dataRoot, "snapshots"));
    const building = builder.build(
      "FROM busybox AS a\nRUN sleep 3333\nFROM busybox AS b\nRUN sleep 3334\nFROM busybox\nCOPY --from=a /x /\nCOPY --from=b /x /\n",
      {},
      aborter.signal,
    );
    building.catch(() => {});
    const running = async () => (await Bun.$`pgrep -f 'sleep 333[34]'`.quiet().nothrow()).stdout.toString().trim();
    await eventually(async () => (await running()).split("\n").length === 2);
    aborter.abort(new Error("enough"));
    expect((await failureOf(building)).message).toBe("enough");
    expect(await running()).toBe("");
    expect(await readdir(join(builder.dataRoot, "snapshots"))).toEqual(before);
    expect(await readdir(join(builder.dataRoot, "../exec/containers"))).toEqual([]);
  });
});
