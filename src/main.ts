// The entry of the one executable: it decides which role this process plays and loads only that role's code.
import { basename } from "node:path";

const calledAs = basename(process.argv0);
const words = process.argv.slice(2);
/** Under others' names naru is a client only. */
const isClientOnly = ["docker", "docker-compose", "kubectl"].includes(calledAs);

if (words[0] === "daemon" && !isClientOnly) {
  const { runDaemon } = await import("./daemon/main.ts");
  await runDaemon(words.slice(1));
} else if (words[0] === "registry" && words[1] === "serve" && !isClientOnly) {
  const { runRegistry } = await import("./daemon/registry-main.ts");
  await runRegistry(words.slice(2));
} else {
  const { runClient } = await import("./cli/main.ts");
  // All is written: what the runtime would clear away before an end of its own accord, the kernel does faster.
  process.exit(await runClient(calledAs, words));
}
