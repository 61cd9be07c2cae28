import { expect, test } from "bun:test";
import { OPERATIONS } from "../../../src/api/operations.ts";
import { apiHandlers } from "../../../src/api/server.ts";
import { NaruError } from "../../../src/lib/errors.ts";
import { SCENARIOS } from "../../e2e/recorded/scenarios.ts";
import { TestApi } from "./api-harness.ts";
import { containerInspect, containerSummary, eventMessage, fakeEngine, ID } from "./fake-engine.ts";

const JSON_TYPE = { "content-type": "application/json" };

test("ping tells the API version on GET and HEAD", async () => {
  await using api = await TestApi.start(fakeEngine());
  for (const method of ["GET", "HEAD"]) {
    const reply = await api.request(method, "/_ping");
    expect(reply.status).toBe(200);
    expect(reply.body).toBe(method === "GET" ? "OK" : "");
    expect(reply.headers["api-version"]).toBe("1.51");
    expect(reply.headers["docker-experimental"]).toBe("false");
    expect(reply.headers.ostype).toBe("linux");
    expect(reply.headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(reply.headers.swarm).toBe("inactive");
  }
});

test("versions: newest without one in the path, refusals in Docker's words", async () => {
  await using api = await TestApi.start(fakeEngine());
  expect(await api.request("GET", "/v1.24/_ping")).toMatchObject({ status: 200 });
  expect(await api.request("GET", "/v1.51/_ping")).toMatchObject({ status: 200 });
  expect(await api.request("GET", "/v1.99/info")).toMatchObject({
    status: 400,
    body: '{"message":"client version 1.99 is too new. Maximum supported API version is 1.51"}\n',
  });
  expect(await api.request("GET", "/v1.99/nope")).toMatchObject({ status: 404 });
  expect(await api.request("GET", "http://docker/v1.24/_ping")).toMatchObject({ status: 200, body: "OK" });
  expect(await api.request("GET", "/v1.20/info")).toMatchObject({
    status: 400,
    body:
      "client version 1.20 is too old. Minimum supported API version is 1.24, " +
      "please upgrade your client to a newer version\n",
  });
});

test("unknown paths and methods are not found", async () => {
  await using api = await TestApi.start(fakeEngine());
  for (const [method, path] of [
    ["GET", "/nope"],
    ["GET", "/v1.51/nope"],
    ["DELETE", "/info"],
    ["GET", "/vfoo/info"],
  ] as const) {
    expect(await api.request(method, path)).toMatchObject({ status: 404, body: '{"message":"page not found"}\n' });
  }
  const moved = await api.request("GET", "//containers/json?a=1");
  expect(moved).toMatchObject({ status: 301, headers: { location: "/containers/json?a=1" } });
});

test("kinds of errors become status codes", async () => {
  const kinds = {
    invalid: 400,
    forbidden: 403,
    "not-found": 404,
    conflict: 409,
    unavailable: 503,
    internal: 500,
  } as const;
  for (const [kind, status] of Object.entries(kinds) as [keyof typeof kinds, number][]) {
    const engine = fakeEngine({
      containers: {
        start: async () => {
          throw new NaruError(kind, "a <b> & c");
        },
      },
    });
    await using api = await TestApi.start(engine);
    const reply = await api.request("POST", "/containers/x/start");
    expect(reply.status).toBe(status);
    expect(reply.body).toBe('{"message":"a <b> & c"}\n');
    expect(api.faults).toHaveLength(0);
  }
});

test("not-modified has no body; a fault of ours is 500 and logged", async () => {
  const engine = fakeEngine({
    containers: {
      start: async () => {
        throw new NaruError("not-modified", "it runs");
      },
      stop: async () => {
        throw new TypeError("oops");
      },
    },
  });
  await using api = await TestApi.start(engine);
  expect(await api.request("POST", "/containers/x/start")).toMatchObject({ status: 304, body: "" });
  expect(await api.request("POST", "/containers/x/stop")).toMatchObject({ status: 500, body: '{"message":"oops"}\n' });
  expect(api.faults).toHaveLength(1);
});

test("what later work brings answers 501, what Docker refuses by itself as Docker does", async () => {
  await using api = await TestApi.start(fakeEngine());
  const handlers = apiHandlers({ engine: fakeEngine() } as never);
  const later = OPERATIONS.filter(({ id, refusal }) => refusal?.kind === "later" && handlers[id] === undefined);
  expect(later.map(({ id }) => id)).toContain("PluginPull");
  for (const { method, path } of later) {
    const reply = await api.request(method, path.replace(/\{[a-z]+\}/g, "x"));
    expect(reply.status).toBe(501);
    expect(JSON.parse(reply.body).message).toContain("naru");
  }
  const services = await api.request("GET", "/services");
  expect(services.status).toBe(503);
  expect(JSON.parse(services.body).message).toStartWith("This node is not a swarm manager.");
  expect(await api.request("GET", "/plugins")).toMatchObject({ status: 200, body: "[]\n" });
});

test.each([
  ["{", "invalid JSON: unexpected EOF"],
  ["", "invalid JSON: got EOF while reading request body"],
  ["xx", "invalid JSON: invalid character 'x' looking for beginning of value"],
  ['{"Image":"x"} {}', "unexpected content after JSON"],
  ['{"Image":3}', "invalid JSON: json: cannot unmarshal number into Go struct field .Image of type string"],
  ["[]", "invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest"],
  ["{}", "config cannot be empty in order to create a container"],
  ["null", "config cannot be empty in order to create a container"],
  ['{"HostConfig":{}}', "config cannot be empty in order to create a container"],
  [
    '{"HostConfig":{"Memory":"x"}}',
    "invalid JSON: json: cannot unmarshal string into Go struct field .HostConfig.Memory of type int64",
  ],
])("create refuses the body %s", async (body, message) => {
  await using api = await TestApi.start(fakeEngine());
  const reply = await api.request("POST", "/containers/create", { headers: JSON_TYPE, body });
  expect(JSON.parse(reply.body)).toEqual({ message });
  expect(reply.status).toBe(400);
});

test("create: content type, older versions, name", async () => {
  const engine = fakeEngine({ containers: { create: async () => ({ Id: ID, Warnings: [] }) } });
  await using api = await TestApi.start(engine);
  const wrongType = await api.request("POST", "/containers/create", {
    headers: { "content-type": "text/plain" },
    body: "{}",
  });
  expect(wrongType).toMatchObject({
    status: 400,
    body: '{"message":"unsupported Content-Type header (text/plain): must be \'application/json\'"}\n',
  });
  const reply = await api.json("POST", "/v1.39/containers/create?name=web", {
    image: "x",
    Cmd: "true",
    HostConfig: {},
  });
  expect(reply).toMatchObject({ status: 201, body: `{"Id":"${ID}","Warnings":[]}\n` });
  expect(engine.calls[0]?.args).toEqual([
    "web",
    { Image: "x", Cmd: ["true"], HostConfig: { CgroupnsMode: "host", IpcMode: "shareable", Mounts: undefined } },
    { platform: undefined },
  ]);
});

test("lists are shaped by version and not escaped", async () => {
  const engine = fakeEngine({
    containers: { list: async () => [containerSummary()], inspect: async () => containerInspect() as never },
  });
  await using api = await TestApi.start(engine);
  const now = await api.request(
    "GET",
    "/containers/json?limit=5&all=true&filters=%7B%22status%22%3A%5B%22running%22%5D%7D",
  );
  expect(now.body).toContain("a && b > c");
  expect(JSON.parse(now.body)[0].HostConfig).toEqual({ NetworkMode: "bridge", Annotations: { a: "b" } });
  expect(engine.calls[0]?.args).toEqual([
    { all: true, limit: 5, size: false, filters: new Map([["status", ["running"]]]) },
  ]);
  const then = await api.request("GET", "/v1.40/containers/json");
  expect(JSON.parse(then.body)[0].HostConfig).toEqual({ NetworkMode: "bridge" });
  const inspect = await api.request("GET", "/v1.44/containers/web/json");
  expect(JSON.parse(inspect.body).NetworkSettings.Networks).toEqual({
    mine: { Aliases: ["web", ID.slice(0, 12)] },
    bridge: {},
  });
});

test.each([
  ["/containers/json?limit=x", 500, 'strconv.Atoi: parsing "x": invalid syntax'],
  ["/containers/json?filters=x", 400, "invalid filter"],
  ["/containers/json?filters=%7B%22a%22%3A%22b%22%7D", 400, "invalid filter"],
  ["/containers/json?filters=%zz", 400, 'invalid URL escape "%zz"'],
  ["/containers/json?a;b", 400, "invalid semicolon separator in query"],
  ["/containers/x/logs", 400, "Bad parameters: you must choose at least one stream"],
  ["/containers/x/archive", 400, "bad parameter: pathcannot be empty"],
  ["/events?since=x", 500, 'strconv.ParseInt: parsing "x": invalid syntax'],
  ["/events?since=5&until=1", 400, "`since` time (5) cannot be after `until` time (1)"],
  ["/system/df?type=foo", 400, "unknown object type: foo"],
])("refuses %s", async (path, status, message) => {
  await using api = await TestApi.start(fakeEngine());
  const reply = await api.request("GET", path);
  expect(JSON.parse(reply.body)).toEqual({ message });
  expect(reply.status).toBe(status);
});

test("image names may hold slashes, escaped or not", async () => {
  const engine = fakeEngine({ images: { history: async () => [], inspect: async () => ({ Config: null }) as never } });
  await using api = await TestApi.start(engine);
  await api.request("GET", "/images/docker.io/library/a:b/history");
  await api.request("GET", "/images/docker.io%2Flibrary%2Fa%3Ab/json");
  expect(engine.calls.map((call) => call.args[0])).toEqual(["docker.io/library/a:b", "docker.io/library/a:b"]);
});

test("events: headers at once, whole nanoseconds, ends when the client leaves", async () => {
  let aborted = false;
  const engine = fakeEngine({
    system: {
      events: async function* (_options: unknown, signal: AbortSignal) {
        yield eventMessage();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        aborted = true;
      },
    },
  });
  await using api = await TestApi.start(engine);
  const client = api.connect().send("GET /events HTTP/1.1\r\nHost: d\r\n\r\n");
  await client.untilReceived('"timeNano":1700000000123456789}\n');
  client.socket.destroy();
  await client.until(() => aborted);
});

test("a missing image is 404; hello-world is made where no registry answers", async () => {
  const engine = fakeEngine({
    images: {
      // biome-ignore lint/correctness/useYield: it fails before the first line
      pull: async function* ({ name }: { name: string }) {
        if (name.startsWith("nginx")) throw new NaruError("not-found", `manifest for ${name} not found`);
        throw new NaruError("unavailable", "the registry cannot be reached");
      },
    },
  });
  await using api = await TestApi.start(engine, {
    ensureHelloWorld: async () => ({ id: `sha256:${ID}`, created: true }),
  });
  const missing = await api.request("POST", "/images/create?fromImage=nginx&tag=latest");
  expect(missing.status).toBe(404);
  expect(JSON.parse(missing.body).message).toBe("manifest for nginx:latest not found");
  const hello = await api.request("POST", "/images/create?fromImage=docker.io%2Flibrary%2Fhello-world&tag=latest");
  expect(hello.body.split("\r\n").at(-2)).toBe('{"status":"Status: Downloaded newer image for hello-world:latest"}');
});

test("load tells its failure in the stream", async () => {
  const engine = fakeEngine({
    images: {
      // biome-ignore lint/correctness/useYield: it fails before the first line
      load: async function* () {
        throw new NaruError("invalid", "not an archive");
      },
    },
  });
  await using api = await TestApi.start(engine);
  const reply = await api.request("POST", "/images/load", { body: "junk" });
  expect(reply).toMatchObject({
    status: 200,
    body: '{"errorDetail":{"message":"not an archive"},"error":"not an archive"}\r\n',
  });
});

test("malformed HTTP is refused and the server goes on", async () => {
  await using api = await TestApi.start(fakeEngine());
  const client = api.connect().send("BLAH\r\n\r\n");
  await client.untilEnded();
  expect(client.received).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  expect(await api.request("GET", "/_ping")).toMatchObject({ status: 200 });
});

test("an upload that is refused halfway gets its answer, and the connection goes on", async () => {
  const engine = fakeEngine({
    containers: {
      writeArchive: async (_ref: string, _path: string, tar: AsyncIterable<Uint8Array>) => {
        for await (const _chunk of tar) throw new NaruError("invalid", "a hostile archive");
      },
    },
  });
  await using api = await TestApi.start(engine);
  const size = 20_000_000;
  const client = api.connect();
  client.send(`PUT /containers/x/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: ${size}\r\n\r\n`);
  const chunk = Buffer.alloc(1_000_000);
  for (let sent = 0; sent < size; sent += chunk.length) {
    if (!client.socket.write(chunk)) await new Promise((resolve) => client.socket.once("drain", resolve));
  }
  await client.untilReceived("a hostile archive");
  expect(client.received).toStartWith("HTTP/1.1 400 Bad Request");
  client.send("GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n");
  await client.untilReceived("\r\n\r\nOK");
});

test("an upload whose client disappears fails with the engine, not with the daemon", async () => {
  let failure: unknown;
  const engine = fakeEngine({
    containers: {
      writeArchive: async (_ref: string, _path: string, tar: AsyncIterable<Uint8Array>) => {
        try {
          for await (const _chunk of tar);
        } catch (error) {
          failure = error;
          throw error;
        }
      },
    },
  });
  await using api = await TestApi.start(engine);
  const client = api.connect();
  client.send("PUT /containers/x/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\npart");
  await Bun.sleep(50);
  client.socket.destroy();
  await client.until(() => failure !== undefined);
  expect(api.faults).toEqual([]);
});

test("whatever Docker refuses by itself is held against Docker's recorded reply", () => {
  const asked = SCENARIOS.find((scenario) => scenario.name === "outside-swarm")?.steps.map((step) => step.name);
  const refused = OPERATIONS.filter(({ refusal }) => refusal?.kind === "no-swarm" || refusal?.kind === "no-plugins");
  expect(refused.length).toBeGreaterThan(30);
  expect(refused.map(({ id }) => id).filter((id) => !asked?.includes(id))).toEqual([]);
});

test("info: fields that older versions had, and those that they did not know", async () => {
  const info = { ID: "x", RuncCommit: { ID: "1" }, FirewallBackend: { Driver: "nftables" }, RegistryConfig: {} };
  await using api = await TestApi.start(fakeEngine({ system: { info: async () => info } }));
  const ask = async (version: string) => JSON.parse((await api.request("GET", `${version}/info`)).body);
  expect(await ask("")).toEqual(info);
  expect(await ask("/v1.49")).toEqual({ ...info, BridgeNfIptables: false, BridgeNfIp6tables: false });
  expect(Object.entries(await ask("/v1.41"))).toEqual([
    ["BridgeNfIp6tables", false],
    ["BridgeNfIptables", false],
    ["ID", "x"],
    ["KernelMemory", false],
    ["RegistryConfig", { AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null }],
    ["RuncCommit", { Expected: "1", ID: "1" }],
  ]);
});
