/** The table of operations against the specification, where that lies beside the project. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { OPERATIONS } from "../../../src/api/operations.ts";
import { Router } from "../../../src/api/router.ts";
import { apiHandlers } from "../../../src/api/server.ts";

const SPECIFICATION = resolve(import.meta.dir, "../../../../shared/specs/docker-engine/v1.51.yaml");

test.skipIf(!existsSync(SPECIFICATION))("every operation of the specification has a row, and no other", () => {
  const { paths } = Bun.YAML.parse(readFileSync(SPECIFICATION, "utf8")) as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const specified = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
  );
  const ours = OPERATIONS.filter((operation) => operation.tag !== "Beyond the specification").map(
    ({ id, method, path }) => `${id} ${method} ${path}`,
  );
  expect(ours.sort()).toEqual(specified.sort());
});

test("the router finds each operation by its own path", () => {
  const router = new Router(apiHandlers({ engine: {}, imageMaker: {}, registries: {}, sboms: {} } as never));
  for (const { id, method, path } of OPERATIONS) {
    const match = router.match(method, path.replace("{id}", "abc").replace("{name}", "abc"));
    expect(match.route.operation.id).toBe(id);
  }
});

test("docs/api.md is what the script writes", async () => {
  const check = Bun.spawn([process.execPath, resolve(import.meta.dir, "../../../scripts/api-doc.ts"), "--check"], {
    stderr: "pipe",
  });
  expect(await new Response(check.stderr).text()).toBe("");
  expect(await check.exited).toBe(0);
});
