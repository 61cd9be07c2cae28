import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { ENDPOINT_HELP, readEndpoint } from "../context-endpoint.ts";
import { writeContext } from "../context-writer.ts";
import { openContexts } from "../contexts.ts";
import { keyValues } from "../csv-flag.ts";
import { string } from "../flag-types.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTEXT",
  summary: "Change a context",
  description: `Update a context

${ENDPOINT_HELP}

Example:

$ docker context update my-context --description "some description" --docker "host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file"`,
  args: exactArgs(1),
  flags: {
    description: string("What the context is for"),
    docker: keyValues("How to reach the daemon"),
  },
  async run({ flags, args: [name = ""], given, context }) {
    if (name === "default") throw new CliError('"default" is a reserved context name');
    const { store, getContext } = openContexts(context);
    const old = await getContext(name);
    const Metadata = { ...old.Metadata, ...(flags.description !== "" && { Description: flags.description }) };
    if (given("docker")) {
      const { tlsFiles, ...endpoint } = await readEndpoint(flags.docker, getContext, store);
      await writeContext(store, { ...old, Metadata, Endpoints: { ...old.Endpoints, docker: endpoint } }, tlsFiles);
    } else await writeContext(store, { ...old, Metadata });
    context.print(`${name}\n`);
    context.printError(`Successfully updated context "${name}"\n`);
  },
});
