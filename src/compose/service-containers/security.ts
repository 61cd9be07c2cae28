import { isAbsolute, join } from "node:path";
import { NaruError } from "../../lib/errors.ts";

/** `security_opt` for the engine: files of seccomp profiles are read, and `systempaths=unconfined` becomes its own setting. */
export async function securityOptions(
  options: readonly string[],
  folder: string,
): Promise<{ options: string[]; showsSystemPaths: boolean }> {
  const kept: string[] = [];
  let showsSystemPaths = false;
  for (const option of options) {
    if (option === "systempaths=unconfined") {
      showsSystemPaths = true;
      continue;
    }
    const [, key = "", value] = /^([^=:]+)[=:](.*)$/s.exec(option) ?? [undefined, option];
    if (value === undefined && key !== "no-new-privileges")
      throw new NaruError("invalid", `invalid security-opt: ${JSON.stringify(option)}`);
    const isFile = key === "seccomp" && value !== "unconfined" && value !== "builtin";
    kept.push(isFile ? `seccomp=${await readProfile(value!, folder)}` : option);
  }
  return { options: kept, showsSystemPaths };
}

async function readProfile(path: string, folder: string): Promise<string> {
  const file = isAbsolute(path) ? path : join(folder, path);
  try {
    return JSON.stringify(await Bun.file(file).json());
  } catch (error) {
    throw new NaruError("invalid", `opening seccomp profile (${path}) failed: ${(error as Error).message}`);
  }
}
