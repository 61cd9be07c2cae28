/** A build with all that the client gives to it, ready to be run. */
import type { BuildEnd, BuildWish, WireEvent } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import { type ApiClient, ApiError } from "../client.ts";
import type { CommandContext } from "../command.ts";
import type { BuildFlags } from "./build-flags.ts";
import { BuildSession } from "./build-session.ts";
import { planBuild } from "./build-wish.ts";
import type { Outputs } from "./outputs.ts";
import { readSecret, type SecretSource } from "./secrets.ts";
import type { SourceFiles } from "./source-files.ts";
import type { SshAgents } from "./ssh-agents.ts";

interface WantedBuild {
  flags: BuildFlags;
  files: SourceFiles;
  outputs: Outputs;
  onlyCheck?: BuildWish["onlyCheck"];
  agents: SshAgents | undefined;
  context: CommandContext;
  /** Beside those of the flags, by id. */
  secrets?: ReadonlyMap<string, SecretSource>;
}

export interface PreparedBuild {
  /** Runs it once; `onEvents` hears what happens. Throws CliError when the connection breaks. */
  run(onEvents: (events: WireEvent[]) => void): Promise<BuildEnd>;
  /** The run ends when nothing of the build is left. */
  cancel(): void;
}

/** Throws CliError for flags that make no sense, and when the daemon does not answer. */
export async function prepareBuild(wanted: WantedBuild): Promise<PreparedBuild> {
  const { files, agents, context } = wanted;
  const client = await context.client();
  const config = await context.config();
  const plan = planBuild(wanted.flags, {
    files,
    outputs: wanted.outputs,
    onlyCheck: wanted.onlyCheck,
    config,
    host: client.host,
    agents: agents?.ids ?? [],
  });
  const secrets = new Map([...plan.secrets, ...(wanted.secrets ?? [])]);
  const { directories, destinations, cacheSources, cacheTargets } = plan;
  const side = {
    directories,
    input: files.input,
    readSecret: (id: string) => {
      const source = secrets.get(id);
      return source && readSecret(source);
    },
    agents,
    config: () => context.config(),
    destinations,
    cacheSources,
    cacheTargets,
  };
  const wish = { ...plan.wish, secrets: [...secrets.keys()] };
  let session: BuildSession | undefined;
  let isCancelled = false;
  return {
    async run(onEvents) {
      session = new BuildSession(await connect(client), side, onEvents);
      const end = session.run(wish);
      if (isCancelled) session.cancel();
      return await end;
    },
    cancel() {
      isCancelled = true;
      session?.cancel();
    },
  };
}

async function connect(client: ApiClient) {
  try {
    return await client.hijack("/naru/build");
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    throw new CliError(
      `the daemon at ${client.host} is not naru's and does not know naru's builds: build with its own client, or name naru's daemon with -H or DOCKER_HOST`,
    );
  }
}

/** The agents and keys that `--ssh` names; undefined without any. */
export async function openAgents(texts: readonly string[]): Promise<SshAgents | undefined> {
  if (texts.length === 0) return undefined;
  const { SshAgents: Agents } = await import("./ssh-agents.ts");
  return await Agents.open(texts);
}
