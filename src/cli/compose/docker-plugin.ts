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

/** Without a terminal docker keeps Ctrl-C to itself and hangs up instead. */
function followLifeline(address: string): void {
  if (address === "") return;
  const socket = connect({ path: address.replace(/^@/, "\0") });
  let isConnected = false;
  socket.on("connect", () => {
    isConnected = true;
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    if (isConnected) process.kill(process.pid, "SIGINT");
  });
  socket.resume();
  socket.unref();
}
