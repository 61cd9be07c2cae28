import { bool, list, strings } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { readData } from "./data-sources.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { hashedName } from "./hashed-name.ts";

export const command = defineKubectlCommand({
  usage: "NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none] [options]",
  summary: "Make a config map from files or words",
  flags: {
    ...CREATE_FLAGS,
    "append-hash": bool("Put a hash of the content behind the name"),
    "from-env-file": strings("Files of lines KEY=value"),
    "from-file": strings("Files, folders, or key=file"),
    "from-literal": list("key=value", { type: "stringArray" }),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const data: Record<string, string> = {};
    const binaryData: Record<string, string> = {};
    for (const [key, bytes] of await readData(flags, `Data for ConfigMap ${JSON.stringify(name)}`)) {
      const text = bytes.toString();
      if (Buffer.from(text).equals(bytes)) data[key] = text;
      else binaryData[key] = bytes.toString("base64");
    }
    const object = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name },
      ...(Object.keys(data).length > 0 ? { data } : {}),
      ...(Object.keys(binaryData).length > 0 ? { binaryData } : {}),
    };
    const placed = flags["append-hash"] ? { ...object, metadata: { name: hashedName(name, object) } } : object;
    await create(context, flags, placed);
  },
});
