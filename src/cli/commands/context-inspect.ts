import { contextName } from "../client-facts.ts";
import { defineCommand, minArgs } from "../command.ts";
import { openContexts } from "../contexts.ts";
import { inspectFormat } from "../flag-types.ts";
import { printInspected } from "../inspect.ts";

const IN_MEMORY = "\\u003cIN MEMORY\\u003e";

export const command = defineCommand({
  usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
  summary: "Print everything known of contexts",
  args: minArgs(0),
  flags: { format: inspectFormat() },
  async run({ flags, args, context }) {
    const contexts = openContexts(context);
    const names = args.length > 0 ? args : [await contextName(context)];
    await printInspected(context, names, flags.format, async (name) => {
      const { Name, Metadata, Endpoints } = await contexts.getContext(name);
      const isDefault = name === "default";
      const { store } = contexts;
      const files = isDefault ? [] : [...(await store.readTlsFiles(name, "docker")).keys()].sort();
      const json = JSON.stringify({
        Name,
        Metadata: isDefault ? {} : Metadata,
        Endpoints,
        TLSMaterial: files.length > 0 ? { docker: files } : {},
        Storage: {
          MetadataPath: isDefault ? "" : store.folder("meta", name),
          TLSPath: isDefault ? "" : store.folder("tls", name),
        },
      });
      const shown = isDefault ? json.replace(/"(MetadataPath|TLSPath)":""/g, `"$1":"${IN_MEMORY}"`) : json;
      return { kind: "context", json: shown };
    });
  },
});
