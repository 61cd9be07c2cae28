import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, bytes, list, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";
import { bakeFile } from "./build/bake-file.ts";
import { type BuildOrder, buildServices } from "./build/build-services.ts";
import { type ServiceToBuild, servicesToBuild } from "./build/service-build.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { oneOf } from "./global-flags.ts";

const flags = {
  "build-arg": list("Value of an ARG as NAME=value, for all services", { type: "stringArray" }),
  builder: string("Name of the builder; there is one, called default"),
  check: bool("Look for mistakes without building"),
  memory: bytes("Most memory that RUN instructions may use", { short: "m" }),
  "no-cache": bool("Take nothing from the cache"),
  print: bool("Print the builds as a file for 'docker buildx bake'"),
  provenance: string("State how the images were built"),
  pull: bool("Ask registries for newer base images"),
  push: bool("Send the images to their registries"),
  quiet: bool("Print nothing", { short: "q" }),
  sbom: string("State what is installed in the images"),
  ssh: string("SSH agent or keys for RUN --mount=type=ssh, as default|ID[=SOCKET|KEY[,KEY]]"),
  "with-dependencies": bool("The services that those named depend on too"),
  // Of older versions.
  compress: bool("", { hidden: true, initial: true, deprecated: "the context travels as it is" }),
  "force-rm": bool("", { hidden: true, initial: true, deprecated: "a build keeps no containers" }),
  "no-rm": bool("", { hidden: true }),
  parallel: bool("", { hidden: true, initial: true, deprecated: "use --parallel of compose itself" }),
  progress: string("", { hidden: true, check: oneOf("", "auto", "tty", "plain", "json", "quiet") }),
};

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Make the services' images",
  args: minArgs(0),
  dryRun: "tells",
  flags,
  async run({ flags: values, args, context }) {
    if (values["no-rm"])
      throw new CliError("--no-rm cannot be: a build keeps no containers; its layers are in the cache");
    const project = await context.loadProject({ services: args, skips: ["environment"] });
    const services = servicesToBuild(project, args, values["with-dependencies"], context.separator);
    const order = orderOf(values);
    if (services.size === 0) return context.printError("No services to build\n");
    if (values.print) return context.print(bakeFile(services, order));
    if (context.isDryRun) return tell(context, services);
    const results = await buildServices(context, project, services, order);
    if (values.check) return await printAnswers(context, results);
    if (!values.quiet) for (const { image } of services.values()) context.printError(` ${image}  Built\n`);
  },
});

function orderOf(values: FlagValues<typeof flags>): BuildOrder {
  return {
    buildArgs: values["build-arg"],
    builder: values.builder,
    memory: values.memory,
    noCache: values["no-cache"],
    onlyCheck: values.check,
    progress: values.progress,
    provenance: values.provenance,
    pull: values.pull,
    push: values.push,
    quiet: values.quiet,
    sbom: values.sbom,
    ssh: values.ssh,
  };
}

function tell(context: ComposeContext, services: ReadonlyMap<string, ServiceToBuild>): void {
  for (const { name, image, build } of services.values()) {
    context.print(`Would build ${image} for ${name} from ${build.context}\n`);
  }
}

/** Throws CliError when a Dockerfile has mistakes. */
async function printAnswers(
  context: ComposeContext,
  results: Awaited<ReturnType<typeof buildServices>>,
): Promise<void> {
  const { answerText } = await import("../build/check-answer.ts");
  let isClean = true;
  for (const [name, { answer }] of results) {
    if (!answer) continue;
    const { text, isFailure } = answerText({ onlyCheck: "lint", isJson: false }, answer);
    context.print(`${name}:\n${text}`);
    if (isFailure) isClean = false;
  }
  if (!isClean) throw new CliError("lint violation found");
}
