/** What the edge itself adds to the engine's answers keeps to the specification. */
import { expect, test } from "bun:test";
import { hasSpecification, responseFaults } from "../../support/specification.ts";
import { TestApi } from "./api-harness.ts";
import { containerSummary, eventMessage, fakeEngine, ID } from "./fake-engine.ts";

const engine = fakeEngine({
  containers: {
    list: async () => [containerSummary()],
    create: async () => ({ Id: ID, Warnings: [] }),
    update: async () => ({ Warnings: [] }),
    top: async () => ({ Titles: ["PID"], Processes: [["1"]] }),
    changes: async () => [{ Path: "/a", Kind: 1 as const }],
    prune: async () => ({ deleted: [ID], spaceReclaimed: 3 }),
    wait: () => ({ result: Promise.resolve({ StatusCode: 3 }) }),
  },
  images: {
    list: async () => [
      {
        Id: `sha256:${ID}`,
        ParentId: "",
        RepoTags: ["a:b"],
        RepoDigests: [],
        Created: 1,
        Size: 2,
        SharedSize: -1,
        Labels: null,
        Containers: -1,
      },
    ],
    history: async () => [{ Id: "x", Created: 1, CreatedBy: "", Tags: null, Size: 0, Comment: "" }],
    prune: async () => ({ deleted: [{ Untagged: "a:b" }], spaceReclaimed: 0 }),
  },
  volumes: {
    list: async () => ({
      Volumes: [{ Name: "v", Driver: "local", Mountpoint: "/m", Labels: null, Scope: "local" as const, Options: null }],
      Warnings: null,
    }),
    prune: async () => ({ VolumesDeleted: null, SpaceReclaimed: 0 }),
  },
  networks: { create: async () => ({ Id: ID, Warning: "" }), prune: async () => ({ NetworksDeleted: null }) },
  execs: { create: async () => ({ Id: ID }) },
  system: {
    version: async () => ({ Version: "1", Os: "linux" }),
    events: async function* () {
      yield eventMessage();
    },
  },
});

test.skipIf(!hasSpecification).each([
  ["GET", "/containers/json", 200, undefined],
  ["POST", "/containers/create", 201, { Image: "x" }],
  ["POST", "/containers/{id}/update", 200, {}],
  ["GET", "/containers/{id}/top", 200, undefined],
  ["GET", "/containers/{id}/changes", 200, undefined],
  ["POST", "/containers/{id}/wait", 200, undefined],
  ["POST", "/containers/prune", 200, undefined],
  ["POST", "/containers/{id}/exec", 201, { Cmd: ["true"] }],
  ["GET", "/images/json", 200, undefined],
  ["GET", "/images/{name}/history", 200, undefined],
  ["POST", "/images/prune", 200, undefined],
  ["GET", "/volumes", 200, undefined],
  ["POST", "/volumes/prune", 200, undefined],
  ["POST", "/networks/create", 201, { Name: "n" }],
  ["POST", "/networks/prune", 200, undefined],
  ["GET", "/version", 200, undefined],
  ["GET", "/events", 200, undefined],
  ["GET", "/services", 503, undefined],
  ["GET", "/nope", 404, undefined],
] as const)("%s %s", async (method, path, status, body) => {
  await using api = await TestApi.start(engine);
  const url = path.replace("{id}", "x").replace("{name}", "x");
  const reply = body === undefined ? await api.request(method, url) : await api.json(method, url, body);
  expect(reply.status).toBe(status);
  const value = JSON.parse(reply.body);
  // Docker still sends these, though its specification has dropped them.
  if (path === "/events") for (const name of ["status", "id", "from"]) delete value[name];
  if (path === "/nope") expect(value).toEqual({ message: "page not found" });
  else expect(responseFaults(method, path, status, value)).toEqual([]);
});
