/** What `config delete-cluster`, `delete-context` and `delete-user` have in common. */

import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { type Kubeconfig, type Section, withEntry } from "./kubeconfig/model.ts";

/** @param before is told of the config that the entry is taken from @throws CliError when there is none */
export async function deleteEntry(
  context: KubectlContext,
  section: Section,
  name: string,
  before: (config: Kubeconfig) => void = () => {},
): Promise<void> {
  const files = new KubeconfigFiles(context.kubeconfig.path);
  const path = await files.defaultPath();
  const what = section.slice(0, -1);
  await files.change((config) => {
    if (!config[section].has(name)) throw new CliError(`error: cannot delete ${what} ${name}, not in ${path}`);
    before(config);
    return withEntry(config, section, name, undefined);
  });
  context.print(`deleted ${what} ${name} from ${path}\n`);
}
