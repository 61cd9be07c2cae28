import { CliError } from "./cli-error.ts";
import { ApiError } from "./client.ts";
import type { CommandContext } from "./command.ts";
import type { ContainerFlagValues, GivenFlag } from "./container-flags.ts";
import { normalizePlatform } from "./container-options/names.ts";
import { withProxies } from "./container-options/proxies.ts";
import type { ContainerRequest } from "./container-request.ts";
import { refuseContentTrust } from "./content-trust.ts";
import { fileErrorText } from "./file-error.ts";
import { fileSystem } from "./file-system.ts";

export interface CreateOptions {
  flags: ContainerFlagValues;
  /** The value of `--pull`. */
  pull: string;
}

/** What the daemon says of an image that is not here, or not for the platform that is wished. */
const IMAGE_IS_MISSING = /no such image|^image with reference .* was found but its platform/i;

/** Creates a container, pulling its image as `--pull` says. Prints the daemon's warnings. Resolves to its id. */
export async function createContainer(
  context: CommandContext,
  request: ContainerRequest,
  { flags, pull }: CreateOptions,
): Promise<string> {
  if (!["always", "missing", "never"].includes(pull)) {
    throw new Error(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`);
  }
  refuseContentTrust(flags["disable-content-trust"]);
  const idFile = flags.cidfile === "" ? undefined : reserveIdFile(flags.cidfile);
  const platform = flags.platform === "" ? undefined : normalizePlatform(flags.platform);
  const client = await context.client();
  const body = { ...request, Env: withProxies(request.Env, await context.config(), client.host) };
  const send = () =>
    client.post<{ Id: string; Warnings?: string[] | null }>("/containers/create", {
      query: { name: flags.name || undefined, platform },
      json: body,
    });
  const image = request.Image ?? "";
  try {
    if (pull === "always") await pullFor(context, image, flags);
    const created = await send().catch(async (error) => {
      if (!(error instanceof ApiError && error.status === 404 && pull === "missing")) throw error;
      if (!IMAGE_IS_MISSING.test(error.reason)) throw error;
      await announceAndPull(context, image, flags);
      return send();
    });
    for (const warning of created.Warnings ?? []) context.printError(`WARNING: ${warning}\n`);
    idFile?.write(created.Id);
    return created.Id;
  } catch (error) {
    idFile?.remove();
    throw error;
  }
}

async function announceAndPull(context: CommandContext, image: string, flags: ContainerFlagValues): Promise<void> {
  const { familiarText, parseReference } = await import("./reference.ts");
  const { completeReference } = await import("./pull-image.ts");
  const reference = completeReference(parseReference(image), false);
  if (!flags.quiet) context.printError(`Unable to find image '${familiarText(reference)}' locally\n`);
  await pullFor(context, image, flags);
}

async function pullFor(context: CommandContext, image: string, flags: ContainerFlagValues): Promise<void> {
  const { parseReference } = await import("./reference.ts");
  const { completeReference, pullImage } = await import("./pull-image.ts");
  const reference = completeReference(parseReference(image), false);
  await pullImage(context, reference, { platform: flags.platform, quiet: flags.quiet, to: 2 });
}

/** `create` tells this as any error, `run` as one of its own. */
export class IdFileError extends Error {}

/** Takes the file of `--cidfile`, so that a mistake in its path costs no container. */
function reserveIdFile(path: string) {
  const files = fileSystem();
  if (files.existsSync(path)) {
    throw new IdFileError(`container ID file found, make sure the other container isn't running or delete ${path}`);
  }
  try {
    files.writeFileSync(path, "", { flag: "wx" });
  } catch (error) {
    throw new IdFileError(`failed to create the container ID file: ${fileErrorText("open", path, error)}`);
  }
  return { write: (id: string) => files.writeFileSync(path, id), remove: () => files.unlinkSync(path) };
}

/** Settings that only daemons on Windows understand. */
const WINDOWS_FLAGS = ["cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"] as const;

/** Refuses flags that only daemons on Windows understand. */
export function refuseWindowsFlags(given: GivenFlag): void {
  const lines = WINDOWS_FLAGS.filter((flag) => given(flag)).map(
    (flag) =>
      `"--${flag}" is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux`,
  );
  if (lines.length > 0) throw new CliError(lines.join("\n"));
}

/** The exit code for a failed `run`: 127 for a missing command, 126 for one that cannot be run, else 125. */
export function runFailureCode(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message)) {
    return 127;
  }
  return /permission denied|is a directory/.test(message) ? 126 : 125;
}

/** A failure of `run` or `create` as docker prints it. */
export function withHelpHint(context: CommandContext, verb: string, error: unknown, exitCode: number): CliError {
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(
    `${context.program}: ${message}\n\nRun '${context.program} ${verb} --help' for more information`,
    exitCode,
  );
}
