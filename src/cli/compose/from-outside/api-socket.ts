import { newTree, type Tree } from "../../../compose/document.ts";
import type { ComposeProject } from "../../../compose/load-project.ts";
import { listOf, mappingOf } from "../../../compose/short-forms.ts";
import { CliError } from "../../cli-error.ts";
import { allLogins } from "../../credential-store.ts";
import type { ComposeContext } from "../declaration.ts";
import { changedProject, withKeys } from "./changed-project.ts";

/** As docker compose names it: no file can, since a comment begins with it. */
const LOGINS = "#apisocket";
const SOCKET = "/var/run/docker.sock";
const CONFIG_FOLDER = "/run/secrets/docker";

/**
 * `use_api_socket`: the engine's socket is mounted, and the user's logins are written beside it, unless the service says itself where
 * its configuration is. Throws CliError for an engine that is not reached over a socket.
 */
export async function withApiSocket(context: ComposeContext, project: ComposeProject): Promise<ComposeProject> {
  const { host } = await context.client();
  if (!host.startsWith("unix://")) {
    throw new CliError(`use_api_socket can only be used with unix sockets: docker endpoint ${host} is incompatible`);
  }
  const logins = Object.assign(newTree(), {
    [LOGINS]: Object.assign(newTree(), { content: await loginsText(context) }),
  });
  const configs: Tree = Object.assign(newTree(), project.tree.configs, logins);
  const change = (service: Tree) =>
    service.use_api_socket === true ? withSocket(service, host.slice("unix://".length)) : service;
  return changedProject(project, change, Object.assign(newTree(), { configs }));
}

function withSocket(service: Tree, socket: string): Tree {
  const environment = Object.assign(newTree(), mappingOf(service.environment));
  if (environment.DOCKER_CONFIG === undefined) environment.DOCKER_CONFIG = CONFIG_FOLDER;
  const mount = Object.assign(newTree(), { type: "bind", source: socket, target: SOCKET });
  const config = Object.assign(newTree(), { source: LOGINS, target: `${CONFIG_FOLDER}/config.json` });
  return withKeys(service, {
    environment,
    volumes: [...listOf(service.volumes), mount],
    configs: [...listOf(service.configs), config],
  });
}

/** As docker's `config.json` holds logins. */
async function loginsText(context: ComposeContext): Promise<string> {
  const auths: Record<string, { auth: string; identitytoken?: string }> = {};
  for (const [server, { username, password, identityToken }] of Object.entries(await allLogins(await context.config())))
    auths[server] = {
      auth: Buffer.from(`${username}:${password}`).toString("base64"),
      ...(identityToken && { identitytoken: identityToken }),
    };
  return JSON.stringify({ auths }, null, "\t");
}
