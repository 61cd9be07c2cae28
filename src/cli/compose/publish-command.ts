import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { isTree, newTree, type Tree } from "../../compose/document.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { renderModel } from "../../compose/render.ts";
import { listOf } from "../../compose/short-forms.ts";
import { CliError } from "../cli-error.ts";
import { exactArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, string } from "../flag-types.ts";
import { openRemoteImage } from "../registry-access.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { oneOf } from "./global-flags.ts";
import { interruptible } from "./interruptible.ts";
import { pinImages } from "./pin-images.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { servicesOf } from "./project-services.ts";
import { type PublishedFile, publishProject } from "./published/project-artifact.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] REPOSITORY[:TAG]",
  summary: "Send the project's Compose files to a registry",
  args: exactArgs(1),
  dryRun: "tells",
  flags: {
    app: bool("The images too (not here)"),
    "oci-version": string('Form of the artifact: "1.1" or "1.0"', { check: oneOf("", "1.0", "1.1") }),
    "resolve-image-digests": bool("Name the images by their digests"),
    "with-env": bool("Publish services' environment too"),
    yes: bool('Answer questions with "yes"', { short: "y" }),
  },
  async run({ flags, args: [name = ""], context }) {
    if (flags.app)
      throw new CliError("--app is not here: push the images with 'compose push', then publish without --app");
    const project = await context.loadProject({ profiles: ["*"] });
    const files = await filesOf(project);
    refuseUnusable(project, flags["with-env"]);
    if (!flags.yes && !isSureOfMounts(context, project)) return 1;
    if (flags["resolve-image-digests"]) files.push(await digestsFile(context, project));
    if (context.isDryRun) {
      context.print(files.map((file) => `Would publish ${file.name} to ${name}\n`).join(""));
      return 0;
    }
    const display = openProgressDisplay(context, "Publishing");
    display.take({ id: name, state: "working", text: "publishing" });
    try {
      const { repository, target } = await openRemoteImage(context, name, { actions: "pull,push", isInsecure: false });
      const isOldForm = flags["oci-version"] === "1.0";
      await interruptible((signal) => publishProject(repository, target, files, { isOldForm, signal }));
      display.take({ id: name, state: "done", text: "published" });
    } finally {
      display.finish();
    }
    return 0;
  },
});

/** The files as they are: variables are for whoever uses the project. Throws CliError for what would be missing there. */
async function filesOf({ files }: ComposeProject): Promise<PublishedFile[]> {
  if (files.includes("-"))
    throw new CliError("a project from standard input cannot be published: give its file with -f");
  const found = await Promise.all(
    files.map(async (path) => ({ name: basename(path), text: await readFile(path, "utf8") })),
  );
  for (const { name, text } of found) {
    const { YAML } = Bun;
    const tree = YAML.parse(text) as {
      include?: unknown;
      services?: Record<string, { extends?: { file?: unknown } } | null>;
    } | null;
    if (tree?.include !== undefined) {
      throw new CliError(
        `${name} includes other files, which would be missing: publish what 'compose config --no-interpolate' prints`,
      );
    }
    for (const [service, settings] of Object.entries(tree?.services ?? {})) {
      if (settings?.extends?.file === undefined) continue;
      throw new CliError(
        `service ${JSON.stringify(service)} extends one of another file, which would be missing: publish what 'compose config --no-interpolate' prints`,
      );
    }
  }
  return found;
}

function refuseUnusable(project: ComposeProject, withEnvironment: boolean): void {
  for (const [name, service] of Object.entries(servicesOf(project))) {
    const who = `service ${JSON.stringify(name)}`;
    if (isTree(service.build) && typeof service.image !== "string") {
      throw new CliError(`${who} has a build section only, which cannot be published: give it an image, and push that`);
    }
    if (listOf(service.env_file).length > 0) {
      throw new CliError(`${who} has an env_file, which is not published: move its variables to environment`);
    }
    if (!withEnvironment && isTree(service.environment) && Object.keys(service.environment).length > 0) {
      throw new CliError(`${who} has environment variable(s) declared: publish them with --with-env, or take them out`);
    }
  }
}

/** Files and folders of this machine are named in the project, but do not go with it. */
function isSureOfMounts(context: ComposeContext, project: ComposeProject): boolean {
  const paths = Object.values(servicesOf(project)).flatMap(({ volumes }) =>
    listOf(volumes).flatMap((mount) => (isTree(mount) && mount.type === "bind" ? [String(mount.source)] : [])),
  );
  for (const section of ["configs", "secrets"]) {
    const resources = isTree(project.tree[section]) ? (project.tree[section] as Tree) : newTree();
    for (const each of Object.values(resources))
      if (isTree(each) && typeof each.file === "string") paths.push(each.file);
  }
  if (paths.length === 0) return true;
  const list = [...new Set(paths)].map((path) => `  ${path}\n`).join("");
  return confirm(context, `These are named in the project, but are not published:\n${list}Publish it?`);
}

async function digestsFile(context: ComposeContext, project: ComposeProject): Promise<PublishedFile> {
  await pinImages(project.tree, context);
  const services = newTree();
  for (const [name, { image }] of Object.entries(servicesOf(project))) {
    if (image !== undefined) services[name] = Object.assign(newTree(), { image });
  }
  return { name: "image-digests.yaml", text: renderModel(Object.assign(newTree(), { services }), "yaml") };
}
