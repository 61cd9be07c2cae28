import { mkdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ConfigFile, readConfigFile } from "./config-file.ts";

/**
 * Changes entries of `config.json` and keeps all others. An entry that is undefined goes. The new file takes the old
 * one's place at once, so that no reader sees half of it; a link stays a link. Throws CliError, and changes nothing, when
 * the old file cannot be read.
 */
export async function updateConfigFile(configDir: string, changes: Partial<ConfigFile>): Promise<void> {
  const config = { auths: {}, ...(await readConfigFile(configDir)), ...changes };
  await mkdir(configDir, { recursive: true, mode: 0o700 });
  const path = join(configDir, "config.json");
  const target = await realpath(path).catch(() => path);
  const partial = join(dirname(target), `config.json${process.pid}`);
  try {
    await writeFile(partial, JSON.stringify(config, undefined, "\t"), { mode: 0o600 });
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
