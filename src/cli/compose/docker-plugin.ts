import { connect } from "node:net";
import { COMPOSE_VERSION } from "../../compose/version.ts";
import { dispatch } from "../dispatch.ts";
import { writeOut } from "../output.ts";

/** docker asks each plugin with this word what it is (docker/cli, plugin metadata of schema 0.1.0). */
const METADATA_WORD = "docker-cli-plugin-metadata";
/** Set by docker when it calls a plugin: what the user typed. */
const CALLED_BY_DOCKER = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";
/** An abstract socket that docker closes when the plugin is to end. */
const LIFELINE = "DOCKER_CLI_PLUGIN_SOCKET";

/** naru under the name `docker-compose`: the old command, or docker's plugin for `docker compose`. Resolves to the exit code. */
export async function runAsDockerCompose(words: string[]): Promise<number> {
  if (words[0] === METADATA_WORD) {
    const metadata = {
      SchemaVersion: "0.1.0",
      Vendor: "naru",
      Version: COMPOSE_VERSION,
      ShortDescription: "Projects of several containers, by naru",
    };
    writeOut(`${JSON.stringify(metadata, null, 4)}\n`);
    return 0;
  }
  if (!process.env[CALLED_BY_DOCKER]) return await dispatch("docker", ["compose", ...words]);
  // docker hands over its own flags and the word `compose` too.
  followLifeline(process.env[LIFELINE] ?? "");
  return await dispatch("docker", words);
}

/** The kernel's own signal, where there is one, comes within this time. */
const SAME_CTRL_C_MS = 300;

/**
 * Where its output is no terminal, docker hangs up when it gets Ctrl-C. That stands for a signal, unless the terminal sent
 * one to us too: two would mean that the user is in a hurry.
 */
function followLifeline(address: string): void {
  if (address === "") return;
  let signalledAt = 0;
  const note = (signal: NodeJS.Signals) => {
    signalledAt = Date.now();
    if (process.listenerCount(signal) > 1) return;
    // Nobody else waits for it: it does what it would have done without us.
    process.off(signal, note);
    process.kill(process.pid, signal);
  };
  const socket = connect({ path: address.replace(/^@/, "\0") });
  socket.on("connect", () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, note);
    socket.on("close", () => {
      const closedAt = Date.now();
      setTimeout(() => {
        if (signalledAt < closedAt - SAME_CTRL_C_MS) process.kill(process.pid, "SIGINT");
      }, SAME_CTRL_C_MS);
    });
  });
  socket.on("error", () => {});
  socket.resume();
  socket.unref();
}
