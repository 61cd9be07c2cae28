/** Renaming a container; names of a running one follow in DNS. */
import { errorText, NaruError } from "../lib/errors.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { Container } from "./container.ts";
import { type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { checkName } from "./names.ts";

export async function renameContainer(context: EngineContext, ref: string, newName: string): Promise<void> {
  if (ref === "" || newName === "") throw new NaruError("invalid", "Neither old nor new names may be empty");
  const container = context.containers.get(ref);
  using _turn = await context.locks.acquire(container.id);
  const oldName = container.name;
  const name = allocate(context, newName, container.id, oldName);
  try {
    await context.containers.save(container, { name, networks: renamedMemberships(container, name) });
    if (context.networks.findSandbox(container.id) !== undefined) {
      await context.networks.renameContainer(container.id, name);
    }
  } catch (error) {
    context.containers.releaseName(name);
    await context.containers.note(container, { name: oldName, networks: renamedMemberships(container, oldName) });
    throw error;
  }
  context.containers.releaseName(oldName);
  publishContainerEvent(context, container, "rename", { oldName: `/${oldName}` });
}

/** Docker lists the names of a renamed container in all its memberships, until its next start. */
function renamedMemberships(container: Container, name: string): Record<string, EndpointSettings> {
  const entries = Object.entries(container.record.networks).map(([network, settings]) => {
    const DNSNames = [...new Set([name, ...(settings.Aliases ?? []), container.shortId])];
    return [network, { ...settings, DNSNames }] as const;
  });
  return Object.fromEntries(entries);
}

function allocate(context: EngineContext, newName: string, id: string, oldName: string): string {
  if (newName.replace(/^\//, "") === oldName) {
    throw new NaruError("invalid", "Renaming a container with the same name as its current name");
  }
  try {
    // The message shows the name with its slash.
    const name = checkName(newName.startsWith("/") ? newName : `/${newName}`);
    context.containers.reserveName(name, id);
    return name;
  } catch (error) {
    const kind = error instanceof NaruError ? error.kind : "internal";
    throw new NaruError(kind, `Error when allocating new name: ${errorText(error)}`, { cause: error });
  }
}
