import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Board } from "./board.js";
import { makeServer } from "./server.js";

test("a job's way from the queue to its end", async () => {
  const server = makeServer(new Board(), "test").listen(0);
  await once(server, "listening");
  const ask = async (method, path, body) => {
    const reply = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { method, body: body && JSON.stringify(body) });
    return [reply.status, reply.status === 204 ? undefined : await reply.json()];
  };
  assert.deepEqual(await ask("POST", "/jobs/next"), [204, undefined]);
  assert.deepEqual(await ask("POST", "/jobs", { title: " paint " }), [201, { id: 1, title: "paint", state: "waiting" }]);
  assert.equal((await ask("POST", "/jobs", {}))[0], 400);
  assert.deepEqual(await ask("POST", "/jobs/next"), [200, { id: 1, title: "paint", state: "running" }]);
  assert.deepEqual(await ask("POST", "/jobs/1/done"), [200, { id: 1, title: "paint", state: "done" }]);
  assert.equal((await ask("POST", "/jobs/1/done"))[0], 400);
  assert.equal((await ask("GET", "/nowhere"))[0], 404);
  server.close();
});
