import { bool, list, string, strings } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { readData } from "./data-sources.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { hashedName } from "./hashed-name.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [options]",
  summary: "Make a secret from files or words",
  flags: {
    ...CREATE_FLAGS,
    "append-hash": bool("Put a hash of the content behind the name"),
    "from-env-file": strings("Files of lines KEY=value"),
    "from-file": strings("Files, folders, or key=file"),
    "from-literal": list("key=value", { type: "stringArray" }),
    type: string("The secret's type"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const entries = [...(await readData(flags, `Data for Secret ${JSON.stringify(name)}`))].map(
      ([key, bytes]) => [key, bytes.toString("base64")] as const,
    );
    const object = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name },
      ...(entries.length > 0 ? { data: Object.fromEntries(entries) } : {}),
      ...(flags.type === "" ? {} : { type: flags.type }),
    };
    const placed = flags["append-hash"] ? { ...object, metadata: { name: hashedName(name, object) } } : object;
    await create(context, flags, placed);
  },
});
