/** The registry inside the daemon (`--registry HOST:PORT`): the same as `naru registry serve`, in the daemon's process. */
import { parseRegistrySettings } from "../registry/config/registry-settings.ts";
import { SettingReader } from "../registry/config/setting-reader.ts";
import { readYamlFile } from "../registry/config/yaml-file.ts";
import type { Log } from "./log.ts";
import type { DaemonOptions } from "./options.ts";
import { type RegistryOptions, registryOptions } from "./registry-command-line.ts";
import { type RunningRegistry, startRegistry } from "./registry-parts.ts";
import { badSetting } from "./setting-error.ts";

type RegistrySetting = NonNullable<DaemonOptions["registry"]>;

/** @throws {NaruError} invalid naming the key, or the file and its key */
export async function readDaemonRegistry({ settings, root, configFile }: RegistrySetting): Promise<RegistryOptions> {
  const isSection = settings.startsWith("{");
  if (isSection && configFile !== undefined) {
    throw badSetting("give the registry's settings in the section registry or in registry-config, not in both");
  }
  if (!isSection && !/^[^/]*:\d{1,5}$/.test(settings)) {
    throw badSetting(`invalid address of the registry "${settings}": write HOST:PORT, as in 127.0.0.1:5000`);
  }
  const section = SettingReader.of(isSection ? JSON.parse(settings) : {}, "registry");
  const parsed =
    configFile === undefined ? parseRegistrySettings(section) : await readYamlFile(configFile, parseRegistrySettings);
  if (isSection && parsed.serve.addr === undefined) throw badSetting("registry.addr is missing: write HOST:PORT");
  const flags: Record<string, string> = isSection ? {} : { addr: settings };
  if (parsed.serve.root === undefined) flags.root = root;
  return registryOptions(flags, parsed);
}

/** `onRequest` is called for every request. @throws what startRegistry throws */
export async function startDaemonRegistry(
  setting: RegistrySetting,
  log: Log,
  onRequest: () => void,
): Promise<RunningRegistry> {
  const options = await readDaemonRegistry(setting);
  const registry = await startRegistry(options, log, onRequest);
  for (const line of registry.instructions) log.info(line.trim());
  log.info("the registry is ready", {
    address: `${options.host}:${registry.port}`,
    storage: options.storage ?? options.root,
  });
  return registry;
}
