/** HOST[:PORT][/REPOSITORY] of the registry commands: unlike the name of an image it begins with the host, always. */
import { CliError } from "./cli-error.ts";

interface RegistryPlace {
  host: string;
  /** Undefined: the registry as a whole. */
  repository: string | undefined;
}

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;

/** @throws CliError naming what was given */
export function parseRegistryPlace(text: string): RegistryPlace {
  const bare = text.replace(/\/+$/, "");
  if (/^https?:\/\//.test(bare)) throw new CliError(`${text}: write the registry without a scheme, as HOST[:PORT]`);
  const slash = bare.indexOf("/");
  const host = slash < 0 ? bare : bare.slice(0, slash);
  if (!HOST.test(host)) throw new CliError(`${text}: a registry is written HOST[:PORT]`);
  return { host, repository: slash < 0 ? undefined : bare.slice(slash + 1) };
}
