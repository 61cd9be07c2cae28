import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { ENDPOINT_HELP, readEndpoint } from "../context-endpoint.ts";
import { checkNewContextName, hasContext, writeContext } from "../context-writer.ts";
import { openContexts } from "../contexts.ts";
import { keyValues } from "../csv-flag.ts";
import { string } from "../flag-types.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTEXT",
  summary: "Make a context",
  description: `Create a context

${ENDPOINT_HELP}

Example:

$ docker context create my-context --description "some description" --docker "host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file"`,
  args: exactArgs(1),
  flags: {
    description: string("What the context is for"),
    docker: keyValues("How to reach the daemon"),
    from: string("Start with the settings of another context"),
  },
  async run({ flags, args: [name = ""], given, context }) {
    const { store, getContext } = openContexts(context);
    checkNewContextName(name);
    if (await hasContext(store, name)) throw new CliError(`context "${name}" already exists`);
    if (flags.from !== "" && given("docker")) throw new CliError("cannot use --docker flag when --from is set");
    const from = flags.from || (given("docker") ? "" : "default");
    const settings = from === "" ? flags.docker : { from };
    const { tlsFiles, ...endpoint } = await readEndpoint(settings, getContext, store);
    const copied = from === "" ? {} : (await getContext(from)).Metadata;
    const Metadata = { ...copied, ...(flags.description !== "" && { Description: flags.description }) };
    await writeContext(store, { Name: name, Metadata, Endpoints: { docker: endpoint } }, tlsFiles);
    context.print(`${name}\n`);
    context.printError(`Successfully created context "${name}"\n`);
  },
});
