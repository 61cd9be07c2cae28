/** Images to and from Debian's own registry: docker, naru, skopeo, dockerode and docker-py on the other side. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Docker from "dockerode";
import { MEDIA } from "../../src/model/media-types.ts";
import { importBusybox, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import { digestOf } from "../support/registry-content.ts";
import {
  imageOf,
  json,
  largeLayer,
  layerOf,
  readManifest,
  sendBlob,
  sendImage,
  sendManifest,
} from "../support/registry-images.ts";
import { watchRegistry } from "../support/watched-registry.ts";

let daemon: TestDaemon;
let registry: DebianRegistry;
let secured: DebianRegistry;
beforeAll(async () => {
  daemon = await startDaemon();
  registry = await startDebianRegistry();
  secured = await startDebianRegistry({ users: { alice: "wonder" } });
  await importBusybox(daemon);
});
afterAll(async () => {
  await daemon?.stop();
  await registry?.[Symbol.asyncDispose]();
  await secured?.[Symbol.asyncDispose]();
});
const out = async (words: string[]) => (await daemon.docker(words)).stdout.trim();
const messages = async (answer: Response) =>
  (await answer.text())
    .split("\r\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("docker pushes and pulls again: the same image, in Docker's words", async () => {
  const name = `${registry.host}/team/tool:1`;
  await out(["tag", "busybox", name]);
  const pushed = await daemon.docker(["push", name]);
  expect({ code: pushed.code, stderr: pushed.stderr }).toEqual({ code: 0, stderr: "" });
  const lines = pushed.stdout.trim().split("\n");
  expect(lines[0]).toBe(`The push refers to repository [${registry.host}/team/tool]`);
  expect(lines[1]).toMatch(/^[0-9a-f]{12}: Preparing$/);
  expect(lines[2]).toMatch(/^[0-9a-f]{12}: Pushed$/);
  expect(lines[3]).toMatch(/^1: digest: sha256:[0-9a-f]{64} size: \d+$/);
  const digest = /sha256:[0-9a-f]{64}/.exec(lines[3]!)![0];
  const id = await out(["image", "inspect", "-f", "{{.Id}} {{.RepoDigests}}", name]);
  expect(id).toBe(`${digest} [${registry.host}/team/tool@${digest}]`);

  await out(["rmi", "busybox", name]);
  const pulled = await daemon.docker(["pull", name]);
  expect(pulled.stdout.trim().split("\n")).toEqual([
    "1: Pulling from team/tool",
    expect.stringMatching(/^[0-9a-f]{12}: Pulling fs layer$/),
    expect.stringMatching(/: Verifying Checksum$/),
    expect.stringMatching(/: Download complete$/),
    expect.stringMatching(/: Pull complete$/),
    `Digest: ${digest}`,
    `Status: Downloaded newer image for ${name}`,
    name,
  ]);
  expect(await out(["run", "--rm", name, "echo", "alive"])).toBe("alive");
  const again = await daemon.docker(["pull", name]);
  expect(again.stdout).toContain(`Status: Image is up to date for ${name}`);
  await out(["tag", name, "busybox"]);
});

test("skopeo reads what was pushed, and the pushed manifest is the one that was pulled, byte for byte", async () => {
  for (const mediaTypes of ["oci", "docker"] as const) {
    const image = imageOf([layerOf([{ path: "etc/kind", content: mediaTypes }])], { mediaTypes });
    await sendImage(registry.host, `source/${mediaTypes}`, image, "v1");
    const source = `${registry.host}/source/${mediaTypes}:v1`;
    const target = `${registry.host}/target/${mediaTypes}:v2`;
    expect((await daemon.naru(["pull", "-q", source])).stdout.trim()).toBe(source);
    expect(await out(["image", "inspect", "-f", "{{.Id}}", source])).toBe(image.descriptor.digest);
    await out(["tag", source, target]);
    const pushed = await daemon.naru(["push", target]);
    expect(pushed.stdout).toContain(`: Mounted from source/${mediaTypes}\n`);
    expect(await readManifest(registry.host, `target/${mediaTypes}`, "v2")).toBe(new TextDecoder().decode(image.bytes));
    const seen = await run(["skopeo", "inspect", "--tls-verify=false", `docker://${target}`]);
    expect(JSON.parse(seen.stdout)).toMatchObject({ Digest: image.descriptor.digest });
  }
});

test("what is there already does not travel: layers are skipped, mounted, and told apart", async () => {
  await using watched = await watchRegistry(registry.host);
  const base = largeLayer("base", 2);
  const first = imageOf([base, layerOf([{ path: "one", content: "1" }])]);
  const second = imageOf([base, layerOf([{ path: "two", content: "2" }])]);
  await sendImage(registry.host, "share/app", first, "1");
  await sendImage(registry.host, "share/app", second, "2");
  const name = `${watched.host}/share/app`;
  expect(await out(["pull", `${name}:1`])).not.toContain("Already exists");
  watched.requests.length = 0;
  const pulled = await out(["pull", `${name}:2`]);
  const shortId = base.descriptor.digest.slice(7, 19);
  expect(pulled).toContain(`${shortId}: Already exists`);
  const bytes = watched.blobReads().reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  expect(bytes).toBe(second.layers[1]!.descriptor.size + second.config.descriptor.size);
  const pushed = await out(["push", `${name}:2`]);
  expect(pushed.match(/: Layer already exists/g)).toHaveLength(2);
});

test("zstd, uncompressed and mixed layers", async () => {
  const layers = [
    layerOf([{ path: "a", content: "zstd" }], "zstd"),
    layerOf([{ path: "b", content: "plain" }], "none"),
    layerOf([
      { path: "c", content: "gzip" },
      { path: ".wh.a", content: "" },
    ]),
  ];
  await sendImage(registry.host, "odd/mix", imageOf(layers), "1");
  const name = `${registry.host}/odd/mix:1`;
  expect((await daemon.docker(["pull", name])).code).toBe(0);
  await out(["create", "--name", "mix", name]);
  const tar = await run(["bash", "-c", `"$0" cp mix:/ - | tar -tf -`, "docker"], {
    env: { ...daemon.env, PATH: `${process.cwd()}/.cache/clients/usr/bin:${process.env.PATH}` },
  });
  const names = tar.stdout.split("\n").map((line) => line.replace(/^\.?\//, ""));
  expect(names).toEqual(expect.arrayContaining(["b", "c"]));
  expect(names).not.toContain("a");
  await out(["rm", "mix"]);
  const target = `docker://${registry.host}/odd/zstd:1`;
  const copied = await run([
    "skopeo",
    "copy",
    "-q",
    "--src-tls-verify=false",
    "--dest-tls-verify=false",
    "--format",
    "oci",
    "--dest-compress-format",
    "zstd",
    "--dest-compress-level",
    "3",
    `docker://${registry.host}/team/tool:1`,
    target,
  ]);
  expect(copied).toMatchObject({ code: 0, stderr: "" });
  expect(await out(["run", "--rm", `${registry.host}/odd/zstd:1`, "echo", "zstd"])).toBe("zstd");
});

test("foreign layers come from their own address, and stay there", async () => {
  const layer = layerOf([{ path: "bin/foreign", content: "from elsewhere" }]);
  await using owner = disposable(
    Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(layer.bytes as Uint8Array<ArrayBuffer>) }),
  );
  const url = `http://127.0.0.1:${owner.server.port}/layer.tar.gz`;
  const descriptor = { ...layer.descriptor, mediaType: MEDIA.dockerForeignLayer, urls: [url] };
  const image = imageOf([{ ...layer, descriptor }, layerOf([{ path: "own", content: "x" }])], { mediaTypes: "docker" });
  // Debian's registry refuses foreign layers unless it is told to trust their addresses, so another one stands in.
  await using fake = disposable(serveImage(image));
  const name = `127.0.0.1:${fake.server.port}/far/away:1`;
  expect((await daemon.docker(["pull", name])).stderr).toBe("");
  expect(await out(["history", "--format", "{{.CreatedBy}}", name])).toBe("layer 1\nlayer 0");
  await out(["tag", name, `${registry.host}/far/away:1`]);
  const pushed = await daemon.docker(["push", `${registry.host}/far/away:1`]);
  expect(pushed.stdout).toContain(`${layer.diffId.slice(7, 19)}: Skipped foreign layer`);
});

describe("what is no image for us is refused, and tells why", () => {
  test("missing: 404 before the stream", async () => {
    for (const path of ["team/tool&tag=nope", "nobody/nothing&tag=1"]) {
      const answer = await daemon.api("POST", `/v1.51/images/create?fromImage=${registry.host}/${path}`);
      expect(answer.status).toBe(404);
      expect(((await answer.json()) as { message: string }).message).toStartWith(`manifest for ${registry.host}/`);
    }
  });
  test("an artifact", async () => {
    const content = json({});
    const config = { mediaType: MEDIA.empty, digest: digestOf(content), size: content.length };
    await sendBlob(registry.host, "team/tool", config, content);
    const bytes = json({
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      artifactType: "application/x",
      config,
      layers: [config],
    });
    await sendManifest(registry.host, "team/tool", "signature", MEDIA.manifest, bytes);
    const pulled = await daemon.docker(["pull", `${registry.host}/team/tool:signature`]);
    expect(pulled.code).toBe(1);
    expect(pulled.stderr).toContain("unsupported media type application/vnd.oci.empty.v1+json");
    const all = await daemon.naru(["pull", "-a", `${registry.host}/team/tool`]);
    expect(all).toMatchObject({ code: 0 });
    expect(all.stdout).toContain("Skipping signature: it is not an image");
  });
  test("Docker's first manifest format", async () => {
    const bytes = json({ schemaVersion: 1, name: "old", tag: "1", fsLayers: [], history: [] });
    const mediaType = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    await using fake = disposable(
      Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch: (request) =>
          request.url.includes("/manifests/")
            ? new Response(bytes as Uint8Array<ArrayBuffer>, {
                headers: { "Content-Type": mediaType, "Docker-Content-Digest": digestOf(bytes) },
              })
            : new Response("{}"),
      }),
    );
    const pulled = await daemon.docker(["pull", `127.0.0.1:${fake.server.port}/old:1`]);
    expect(pulled.code).toBe(1);
    expect(pulled.stderr).toContain("schema 1, which is not supported");
  });
  test("bad names", async () => {
    const answer = await daemon.api("POST", "/v1.51/images/create?fromImage=UPPER&tag=1");
    expect(answer.status).toBe(400);
    const push = await daemon.docker(["push", "team/absent:1"]);
    expect(push).toMatchObject({ code: 1, stderr: "An image does not exist locally with the tag: team/absent\n" });
    const tag = await daemon.docker(["push", `${registry.host}/team/tool:absent`]);
    expect(tag.stderr).toBe(`tag does not exist: ${registry.host}/team/tool:absent\n`);
  });
});

test("every tag of a repository, both ways; by digest", async () => {
  const name = `${registry.host}/many/tags`;
  for (const tag of ["a", "b", "c"]) await out(["tag", "busybox", `${name}:${tag}`]);
  const pushed = await daemon.naru(["push", "-a", name]);
  expect(pushed.stdout.match(/^[abc]: digest: sha256:/gm)).toHaveLength(3);
  await out(["rmi", `${name}:a`, `${name}:b`, `${name}:c`]);
  const pulled = await daemon.docker(["pull", "-a", name]);
  expect(pulled.stdout).toContain(`Status: Downloaded newer image for ${name}`);
  expect((await out(["images", "--format", "{{.Tag}}", name])).split("\n").sort()).toEqual(["a", "b", "c"]);
  const digest = /sha256:[0-9a-f]{64}/.exec(pushed.stdout)![0];
  await out(["rmi", `${name}:a`, `${name}:b`, `${name}:c`]);
  expect(await out(["images", "-q", name])).toBe("");
  expect(await out(["pull", "-q", `${name}@${digest}`])).toBe(`${name}@${digest}`);
  expect(await out(["images", "--digests", "--format", "{{.Tag}} {{.Digest}}", name])).toBe(`<none> ${digest}`);
  expect(await out(["run", "--rm", `${name}@${digest}`, "echo", "by digest"])).toBe("by digest");
});

test("--pull always, missing and never", async () => {
  const name = `${registry.host}/team/tool:1`;
  const always = await daemon.docker(["run", "--rm", "--pull", "always", name, "true"]);
  expect(always.stderr).toContain(`Image is up to date for ${name}`);
  const never = await daemon.docker(["run", "--rm", "--pull", "never", `${registry.host}/team/tool:2`, "true"]);
  expect(never).toMatchObject({ code: 125 });
  expect(never.stderr).toContain("No such image");
  const missing = await daemon.naru(["run", "--rm", `${registry.host}/odd/mix:2`, "true"]);
  expect(missing.stderr).toContain("manifest unknown");
});

test("the stream of a pull and a push, and the events that they cause", async () => {
  const since = Math.floor(Date.now() / 1000);
  const image = imageOf([largeLayer("data", 1)]);
  await sendImage(registry.host, "stream/it", image, "1");
  const name = `${registry.host}/stream/it`;
  const pulled = await messages(await daemon.api("POST", `/v1.51/images/create?fromImage=${name}&tag=1`));
  const id = image.layers[0]!.descriptor.digest.slice(7, 19);
  expect(pulled[0]).toEqual({ status: "Pulling from stream/it", id: "1" });
  expect(pulled[1]).toEqual({ status: "Pulling fs layer", progressDetail: {}, id });
  const moving = pulled.find(({ status }) => status === "Downloading");
  expect(moving).toMatchObject({
    id,
    progressDetail: { total: image.layers[0]!.descriptor.size },
    progress: expect.any(String),
  });
  expect(pulled.map(({ status }) => status)).toContain("Extracting");
  expect(pulled.at(-1)).toEqual({ status: `Status: Downloaded newer image for ${name}:1` });
  expect(pulled.every(({ status }) => typeof status === "string")).toBe(true);
  await daemon.api("POST", `/v1.51/images/${name}:1/tag?repo=${name}&tag=2`);
  const pushed = await messages(
    await daemon.api("POST", `/v1.51/images/${name}/push?tag=2`, undefined, { "X-Registry-Auth": "e30=" }),
  );
  const { digest, size } = image.descriptor;
  expect(pushed.slice(-2)).toEqual([
    { status: `2: digest: ${digest} size: ${size}` },
    { progressDetail: {}, aux: { Tag: "2", Digest: digest, Size: size } },
  ]);
  // Docker's client asks for whole seconds; this one does not.
  const events = await daemon.naru([
    "events",
    "--since",
    `${since}`,
    "--until",
    "0s",
    "--filter",
    "type=image",
    "--format",
    "{{.Action}} {{.Actor.ID}}",
  ]);
  expect(events.stdout.split("\n")).toEqual(expect.arrayContaining([`pull ${name}:1`, `push ${name}:2`]));
});

test("a registry with logins: docker login, dockerode and docker-py", async () => {
  const name = `${secured.host}/closed/tool`;
  await out(["tag", "busybox", `${name}:1`]);
  const denied = await daemon.docker(["push", `${name}:1`]);
  expect(denied).toMatchObject({ code: 1, stderr: expect.stringContaining("no basic auth credentials") });
  const config = { DOCKER_CONFIG: `${daemon.root}/config` };
  const login = await daemon.docker(["login", "-u", "alice", "--password-stdin", secured.host], {
    env: config,
    stdin: "wonder",
  });
  expect(login).toMatchObject({ code: 0 });
  expect(await daemon.docker(["push", `${name}:1`], { env: config })).toMatchObject({ code: 0, stderr: "" });
  await out(["rmi", `${name}:1`]);
  expect(await daemon.naru(["pull", `${name}:1`], { env: config })).toMatchObject({ code: 0, stderr: "" });

  const docker = new Docker({ socketPath: daemon.socketPath });
  const authconfig = { username: "alice", password: "wonder", serveraddress: secured.host };
  await docker.getImage(`${name}:1`).tag({ repo: name, tag: "dockerode" });
  const follow = (stream: NodeJS.ReadableStream) =>
    new Promise<object[]>((resolve, reject) =>
      docker.modem.followProgress(stream, (error, lines) => (error ? reject(error) : resolve(lines))),
    );
  const pushed = await follow(await docker.getImage(name).push({ tag: "dockerode", authconfig }));
  expect(pushed.at(-1)).toMatchObject({ aux: { Tag: "dockerode" } });
  await docker.getImage(`${name}:dockerode`).remove();
  const pulled = await follow(await docker.pull(`${name}:dockerode`, { authconfig }));
  expect(pulled.at(-1)).toEqual({ status: `Status: Downloaded newer image for ${name}:dockerode` });

  const script = `
import docker
client = docker.DockerClient(base_url=${JSON.stringify(daemon.host)})
auth = {'username': 'alice', 'password': 'wonder'}
image = client.images.get('busybox')
image.tag(${JSON.stringify(name)}, tag='py')
print([line for line in client.images.push(${JSON.stringify(name)}, tag='py', auth_config=auth, stream=True, decode=True)][-1]['aux']['Tag'])
client.images.remove(${JSON.stringify(`${name}:py`)})
print(client.images.pull(${JSON.stringify(name)}, tag='py', auth_config=auth).tags)
try: client.images.pull(${JSON.stringify(name)}, tag='py', auth_config={'username': 'alice', 'password': 'bad'})
except docker.errors.APIError as e: print(e.status_code)
`;
  const python = await run(["/usr/bin/python3", "-c", script]);
  expect(python.stderr).toBe("");
  const [tag, tags, status] = python.stdout.trim().split("\n");
  expect(tag).toBe("py");
  expect(tags).toContain(`${name}:py`);
  expect(status).toBe("401");
});

function disposable(server: ReturnType<typeof Bun.serve>) {
  return { server, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** A registry that holds one image and nothing of its foreign layers. */
function serveImage(image: ReturnType<typeof imageOf>) {
  const blobs = new Map(
    [...image.layers, image.config].map(({ descriptor, bytes }) => [descriptor.digest as string, bytes]),
  );
  for (const { descriptor } of image.layers) if (descriptor.urls) blobs.delete(descriptor.digest);
  const headers = { "Content-Type": image.descriptor.mediaType, "Docker-Content-Digest": image.descriptor.digest };
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.includes("/manifests/")) return new Response(image.bytes as Uint8Array<ArrayBuffer>, { headers });
      if (!pathname.includes("/blobs/")) return new Response("{}");
      const bytes = blobs.get(pathname.split("/").at(-1)!);
      return bytes ? new Response(bytes as Uint8Array<ArrayBuffer>) : new Response("{}", { status: 404 });
    },
  });
}
