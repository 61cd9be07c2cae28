import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { CLIENT_VERSION } from "./client-version.ts";
import { defineKubectlCommand } from "./declaration.ts";

interface ServerVersion {
  major: string;
  minor: string;
  gitVersion: string;
}

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "Show the versions of client and server",
  flags: {
    client: bool("Only the client's"),
    output: string("json or yaml", { short: "o" }),
  },
  async run({ flags, args, context }) {
    if (args.length > 0) throw new CliError(`error: extra arguments: [${args.join(" ")}]`);
    if (!["", "json", "yaml"].includes(flags.output)) throw new CliError(`error: --output must be 'yaml' or 'json'`);
    const clientVersion = {
      ...CLIENT_VERSION,
      platform: `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
    };
    const serverVersion = flags.client ? undefined : await (await context.api()).get<ServerVersion>("/version");
    if (flags.output === "") {
      context.print(`Client Version: ${clientVersion.gitVersion}\n`);
      if (serverVersion !== undefined) context.print(`Server Version: ${serverVersion.gitVersion}\n`);
      return;
    }
    const all = { clientVersion, ...(serverVersion === undefined ? {} : { serverVersion }) };
    if (flags.output === "json") context.print(`${JSON.stringify(all, undefined, 2)}\n`);
    else context.print((await import("yaml")).stringify(all));
  },
});
