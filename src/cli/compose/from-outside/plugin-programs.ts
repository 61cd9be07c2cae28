/** Programs that do a part of Compose's work: docker's plugins, and those that provide services. */
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { jsonLines } from "../../../lib/json-lines.ts";
import { CliError } from "../../cli-error.ts";
import type { ComposeContext } from "../declaration.ts";

/** Where docker looks for its plugins after the user's own folder. */
const PLUGIN_FOLDERS = ["/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"].map((folder) =>
  join(folder, "docker", "cli-plugins"),
);

/** The path of docker's plugin of that name, where it is installed. */
export async function findPlugin(context: ComposeContext, name: string): Promise<string | undefined> {
  // The name may come from a project of somebody else's, and must not lead out of the folders.
  if (name.includes("/")) return undefined;
  const { cliPluginsExtraDirs = [] } = await context.config();
  for (const folder of [...cliPluginsExtraDirs, join(context.configDir, "cli-plugins"), ...PLUGIN_FOLDERS]) {
    const path = join(folder, `docker-${name}`);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** What a program gets to know: the project's variables, and which engine is meant. */
export async function programEnvironment(
  context: ComposeContext,
  variables: ReadonlyMap<string, string>,
): Promise<Record<string, string>> {
  const { host } = await context.client();
  const own = { ...process.env, ...Object.fromEntries(variables), DOCKER_HOST: host, DOCKER_CONTEXT: undefined };
  return Object.fromEntries(Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

interface ProgramRun {
  environment: Record<string, string>;
  signal?: AbortSignal;
}

/** Runs a program to its end. Throws CliError with the last line it complained with when it fails. */
export async function outputOf(command: readonly string[], run: ProgramRun): Promise<string> {
  const child = start(command, run);
  const [output, complaint] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await succeeded(child, complaint, { command, run });
  return output;
}

/** Runs a program that speaks JSON, a value a line, to its end. Throws CliError when it fails, and what `take` throws. */
export async function eachLineOf<T>(
  command: readonly string[],
  run: ProgramRun,
  take: (value: T) => void,
): Promise<void> {
  const child = start(command, run);
  const complaining = new Response(child.stderr).text();
  try {
    for await (const value of jsonLines<T>(child.stdout)) take(value);
  } catch (error) {
    child.kill();
    await child.exited;
    if (!(error instanceof SyntaxError)) throw error;
    throw new CliError(`${command[0]} wrote what is no JSON: ${error.message}`);
  }
  await succeeded(child, await complaining, { command, run });
}

function start(command: readonly string[], { environment, signal }: ProgramRun) {
  return Bun.spawn([...command], { env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe", signal });
}

async function succeeded(
  child: ReturnType<typeof start>,
  complaint: string,
  { command, run }: { command: readonly string[]; run: ProgramRun },
): Promise<void> {
  const code = await child.exited;
  run.signal?.throwIfAborted();
  if (code === 0) return;
  const last = complaint.trim().split("\n").at(-1);
  throw new CliError(`${command.join(" ")} ended with ${code}${last ? `: ${last}` : ""}`);
}
