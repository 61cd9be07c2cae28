import { dirname, isAbsolute, join } from "node:path";
import { parseEnvFile } from "../../compose/env-file.ts";
import { isRemoteFile } from "../../compose/remote-address.ts";
import { NaruError } from "../../lib/errors.ts";
import { CliError } from "../cli-error.ts";
import { isSwitchedOn } from "../go-bool.ts";
import type { GlobalValues } from "./global-flags.ts";

/** Without files that were named, the project's `.env` is not read. */
export const ignoresDotEnv = () => isSwitchedOn(process.env.COMPOSE_DISABLE_ENV_FILE);

/** `--env-file`, else COMPOSE_ENV_FILES. */
export function envFilesOf(globals: GlobalValues): string[] {
  if (globals["env-file"].length > 0) return globals["env-file"];
  return (process.env.COMPOSE_ENV_FILES ?? "").split(",").filter((path) => path !== "");
}

/**
 * Takes docker compose's own variables (`COMPOSE_…`) over from the env files, or the `.env` beside the project, into the environment,
 * where they are not set. Throws CliError for a file that makes no sense; one that is missing is told when the project is read.
 */
export async function takeEnvSettings(globals: GlobalValues): Promise<void> {
  for (const path of settingFiles(globals)) {
    const file = Bun.file(path);
    const text = (await file.exists()) ? await file.text() : "";
    if (!text.includes("COMPOSE_")) continue;
    try {
      for (const [key, value] of parseEnvFile(
        text,
        path,
        (name) => process.env[name],
        () => {},
      ))
        if (key.startsWith("COMPOSE_") && value !== null) process.env[key] ??= value;
    } catch (error) {
      throw error instanceof NaruError ? new CliError(error.message) : error;
    }
  }
}

function settingFiles(globals: GlobalValues): string[] {
  const cwd = process.cwd();
  const absolute = (path: string) => (isAbsolute(path) ? path : join(cwd, path));
  const named = envFilesOf(globals);
  // Later files win.
  if (named.length > 0) return named.map(absolute).reverse();
  if (ignoresDotEnv()) return [];
  const [first] = globals.file;
  const isHere = first !== undefined && first !== "-" && !isRemoteFile(first);
  const folder = globals["project-directory"] || globals.workdir || (isHere ? dirname(first) : "");
  return [join(absolute(folder), ".env")];
}
