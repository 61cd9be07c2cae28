import { CliError } from "./cli-error.ts";
import type { CommandContext } from "./command.ts";
import { defaultContext } from "./context-endpoint.ts";
import { type ContextMetadata, type ContextStore, openContextStore } from "./context-store.ts";

const DEFAULT_DESCRIPTION = "Current DOCKER_HOST based configuration";
const DEFAULT_HOST = "unix:///run/naru/naru.sock";

/** The contexts of this user, the built-in one named `default` included. */
interface Contexts {
  readonly store: ContextStore;
  /** Throws CliError when there is no such context. */
  getContext(name: string): Promise<ContextMetadata>;
  /** All, sorted by name. */
  listContexts(): Promise<ContextMetadata[]>;
}

export function openContexts(context: CommandContext): Contexts {
  const store = openContextStore(context.configDir);
  const builtIn = async () => {
    const own = defaultContext(await hostInForce(context));
    return { ...own, Metadata: { Description: DEFAULT_DESCRIPTION } };
  };
  return {
    store,
    async getContext(name) {
      if (name === "default") return builtIn();
      try {
        return await store.getContext(name);
      } catch (error) {
        throw new CliError((error as Error).message);
      }
    },
    async listContexts() {
      const all = [...(await store.listContexts()), await builtIn()];
      return all.sort((a, b) => (a.Name < b.Name ? -1 : 1));
    },
  };
}

/** The address that is used without a context. */
async function hostInForce(context: CommandContext): Promise<string> {
  if (process.env.DOCKER_HOST) return process.env.DOCKER_HOST;
  return context.hostGiven || (await isDefaultInForce(context)) ? (await context.client()).host : DEFAULT_HOST;
}

async function isDefaultInForce(context: CommandContext): Promise<boolean> {
  const name = context.contextName ?? (process.env.DOCKER_CONTEXT || (await context.config()).currentContext);
  return name === undefined || name === "" || name === "default";
}

/** Told after listing or choosing contexts while DOCKER_HOST overrules them. */
export const HOST_WARNING =
  "Warning: DOCKER_HOST environment variable overrides the active context. " +
  "To use a context, either set the global --context flag, or unset DOCKER_HOST environment variable.\n";
