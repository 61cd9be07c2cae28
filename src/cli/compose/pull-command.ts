import { isTree, type Tree } from "../../compose/document.ts";
import { minArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { oneOf } from "./global-flags.ts";
import { HttpEngine } from "./http-engine.ts";
import { interruptible } from "./interruptible.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { servicesOf } from "./project-services.ts";
import { pullImages, type WantedImage } from "./pull-images.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Get the services' images from registries",
  args: minArgs(0),
  dryRun: "tells",
  flags: {
    "ignore-buildable": bool("Not images that can be built"),
    "ignore-pull-failures": bool("Get what can be had"),
    "include-deps": bool("Those of the services that they depend on too"),
    policy: string('Get images that are not here, or all: "missing" or "always"', {
      check: oneOf("", "missing", "always"),
    }),
    quiet: bool("Show no progress", { short: "q" }),
    // Of older versions.
    "no-parallel": bool("", { hidden: true, deprecated: "use --parallel of compose itself" }),
    parallel: bool("", { hidden: true, initial: true, deprecated: "images are pulled beside each other anyway" }),
  },
  async run({ flags, args, context }) {
    const project = await context.loadProject({ services: args, skips: ["environment"] });
    const engine = new HttpEngine(await context.client(), context);
    const named = args.length === 0 || flags["include-deps"] ? Object.keys(servicesOf(project)) : args;
    const display = openProgressDisplay(context, "Pulling", flags.quiet);
    const wanted: WantedImage[] = [];
    for (const name of new Set(named)) {
      const service = servicesOf(project)[name]!;
      const reason = await reasonToSkip(engine, service, flags.policy, flags["ignore-buildable"]);
      if (reason === undefined) wanted.push(wantedImage(name, service));
      else display.take({ id: name, state: "done", text: reason });
    }
    if (context.isDryRun) return tell(context, wanted);
    const isBuildable = (service: string) => isTree(servicesOf(project)[service]!.build);
    const limit = flags["no-parallel"] ? 1 : parallelLimit(context);
    try {
      // What can be built need not be in a registry.
      for (const each of wanted) each.isOptional = flags["ignore-pull-failures"] || isBuildable(each.service);
      const failed = await interruptible((signal) =>
        pullImages(engine, wanted, { onProgress: display.take, limit, signal }),
      );
      const unbuilt = failed.filter(isBuildable);
      display.finish();
      if (unbuilt.length > 0) adviseBuild(context, unbuilt);
    } finally {
      display.finish();
    }
  },
});

function wantedImage(name: string, service: Tree): WantedImage {
  const platform =
    typeof service.platform === "string" ? service.platform : (process.env.DOCKER_DEFAULT_PLATFORM ?? "");
  return { service: name, image: String(service.image), platform };
}

/** Why a service's image is not pulled, as docker compose words it; undefined when it is. */
async function reasonToSkip(
  engine: HttpEngine,
  service: Tree,
  policy: string,
  ignoresBuildable: boolean,
): Promise<string | undefined> {
  if (typeof service.image !== "string" || service.image === "") return "Skipped - No image to be pulled";
  const wish = typeof service.pull_policy === "string" ? service.pull_policy : "";
  if (wish === "never" || wish === "build") return "Skipped";
  if (ignoresBuildable && isTree(service.build)) return "Skipped - Image can be built";
  const onlyMissing = policy === "missing" || (policy === "" && (wish === "missing" || wish === "if_not_present"));
  if (!onlyMissing) return undefined;
  const isHere = await engine.inspectImage(service.image).then(
    () => true,
    () => false,
  );
  return isHere ? "Skipped - Image is already present locally" : undefined;
}

function tell(context: ComposeContext, wanted: readonly WantedImage[]): void {
  for (const { service, image } of wanted) context.print(`Would pull ${image} for ${service}\n`);
}

function adviseBuild({ printError, program }: ComposeContext, services: readonly string[]): void {
  const names = [...services].sort().join(" ");
  printError(
    `WARNING: Some service image(s) must be built from source by running:\n    ${program} compose build ${names}\n`,
  );
}
