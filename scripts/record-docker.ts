/**
 * Asks a real Docker the requests of test/e2e/recorded/scenarios.ts and keeps its replies beside them.
 * usage: DOCKER_HOST=unix:///path/docker.sock bun scripts/record-docker.ts
 * The daemon must have the image "busybox" (a root file system with busybox, as test/support/daemon.ts imports it).
 */
import { SCENARIOS } from "../test/e2e/recorded/scenarios.ts";
import { play } from "../test/support/recording.ts";

const host = process.env.DOCKER_HOST ?? "";
if (!host.startsWith("unix://")) {
  console.error("record-docker: set DOCKER_HOST to the unix:// socket of a real docker");
  process.exit(2);
}
const unix = host.slice("unix://".length);
for (const scenario of SCENARIOS) {
  const replies = await play(scenario, (method, path, body, headers = {}) =>
    fetch(`http://docker${path}`, {
      unix,
      method,
      headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    }),
  );
  const text = `${JSON.stringify(Object.fromEntries(replies), null, 1)}\n`;
  await Bun.write(`test/e2e/recorded/${scenario.name}.json`, text);
  console.log(`${scenario.name}: ${replies.size} replies`);
}
