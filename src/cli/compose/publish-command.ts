import { isTree, newTree, type Tree } from "../../compose/document.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { renderModel } from "../../compose/render.ts";
import { listOf } from "../../compose/short-forms.ts";
import { parseReference } from "../../lib/image-reference.ts";
import type { Descriptor } from "../../model/image.ts";
import { CliError } from "../cli-error.ts";
import { exactArgs } from "../command.ts";
import { confirm } from "../confirm.ts";
import { bool, string } from "../flag-types.ts";
import { openRemoteImage, type RemoteImage } from "../registry-access.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { oneOf } from "./global-flags.ts";
import { interruptible } from "./interruptible.ts";
import { pinImages } from "./pin-images.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { servicesOf } from "./project-services.ts";
import { builtImages, pushBuiltImages } from "./push-images.ts";
import { copyImage } from "./remote/copy-image.ts";
import { type ArtifactForm, type PublishedFile, publishImages, publishProject } from "./remote/project-artifact.ts";
import { readPublishedFiles } from "./remote/published-files.ts";

export const command = defineComposeCommand({
  usage: "[OPTIONS] REPOSITORY[:TAG]",
  summary: "Send the project's Compose files to a registry",
  args: exactArgs(1),
  dryRun: "tells",
  flags: {
    app: bool("The images of the services too, into the same repository"),
    "oci-version": string('Form of the artifact: "1.1" or "1.0"', { check: oneOf("", "1.0", "1.1") }),
    "resolve-image-digests": bool("Name the images by their digests"),
    "with-env": bool("Publish services' environment and env files too"),
    yes: bool('Answer questions with "yes"', { short: "y" }),
  },
  async run({ flags, args: [name = ""], context }) {
    // Env files stay named, so that they go along.
    const project = await context.loadProject({ profiles: ["*"], skips: ["environment"] });
    refuseUnusable(project, flags["with-env"]);
    const all = await readPublishedFiles(project.files, project.folder, project.variables);
    if (!flags["with-env"]) refuseIncludedVariables(all);
    const files = [...all];
    if (!flags.yes && !isSure(context, project)) return 1;
    if (flags["resolve-image-digests"]) files.push(await digestsFile(context, project));
    const images = flags.app ? imagesOf(project) : [];
    if (context.isDryRun) {
      for (const { image } of builtImages(project, Object.keys(servicesOf(project))))
        context.print(`Would push ${image}\n`);
      for (const image of images) context.print(`Would copy ${image} to ${name}\n`);
      context.print(files.map((file) => `Would publish ${file.name} to ${name}\n`).join(""));
      return 0;
    }
    const form = (flags["oci-version"] || "auto") as ArtifactForm;
    await interruptible((signal) => publish(context, project, { name, files, form, images, signal }));
    return 0;
  },
});

interface Publication {
  name: string;
  files: readonly PublishedFile[];
  form: ArtifactForm;
  /** Those that go into the repository too. */
  images: readonly string[];
  signal: AbortSignal;
}

async function publish(context: ComposeContext, project: ComposeProject, publication: Publication): Promise<void> {
  const { name, files, form, images, signal } = publication;
  const display = openProgressDisplay(context, "Publishing");
  try {
    const all = Object.keys(servicesOf(project));
    // An image that is not here may have been sent from elsewhere: what failed is shown.
    await pushBuiltImages(context, project, all, { onProgress: display.take, signal, failuresPass: true });
    display.take({ id: name, state: "working", text: "publishing" });
    const { domain, path } = parseReference(name);
    const sources = images.map(parseReference).filter((image) => image.domain === domain && image.path !== path);
    const mountFrom = [...new Set(sources.map((image) => image.path))];
    const { repository, target } = await openRemoteImage(context, name, {
      actions: "pull,push",
      isInsecure: false,
      mountFrom,
    });
    const published = await publishProject(repository, target, files, { form, signal });
    const copied: Descriptor[] = [];
    for (const image of images) {
      display.take({ id: image, state: "working", text: "copying" });
      const source: RemoteImage = await openRemoteImage(context, image, { actions: "pull", isInsecure: false });
      copied.push(await copyImage({ from: source.repository, to: repository, signal }, source.target));
      display.take({ id: image, state: "done", text: "copied" });
    }
    if (images.length > 0) await publishImages(repository, published, copied, signal);
    display.take({ id: name, state: "done", text: "published" });
  } finally {
    display.finish();
  }
}

function imagesOf(project: ComposeProject): string[] {
  const images = Object.values(servicesOf(project)).flatMap(({ image }) => (typeof image === "string" ? [image] : []));
  return [...new Set(images)];
}

function refuseUnusable(project: ComposeProject, withEnvironment: boolean): void {
  const findings: string[] = [];
  for (const [name, service] of Object.entries(servicesOf(project))) {
    const who = `service ${JSON.stringify(name)}`;
    if (isTree(service.build) && typeof service.image !== "string") {
      throw new CliError(`${who} has a build section only, which cannot be published: give it an image, and push that`);
    }
    if (listOf(service.env_file).length > 0) findings.push(`${who} has env_file declared`);
    if (isTree(service.environment) && Object.keys(service.environment).length > 0)
      findings.push(`${who} has environment variable(s) declared`);
  }
  for (const [name, config] of Object.entries(sectionOf(project, "configs")))
    if (isTree(config) && config.environment !== undefined)
      findings.push(`config ${JSON.stringify(name)} is an environment variable`);
  if (findings.length === 0 || withEnvironment) return;
  throw new CliError(`${findings.join("\n")}\nThese may tell secrets: publish them with --with-env, or take them out`);
}

/** Services' files of variables are refused by then: what is left are those of includes, which nobody could read without them. */
function refuseIncludedVariables(files: readonly PublishedFile[]): void {
  if (files.some(({ kind }) => kind === "env"))
    throw new CliError("an include has env_file declared, which may tell secrets: publish it with --with-env");
}

const sectionOf = (project: ComposeProject, name: string): Tree =>
  isTree(project.tree[name]) ? project.tree[name] : newTree();

/** Files and folders of this machine are named in the project, but do not go with it; variables do. */
function isSure(context: ComposeContext, project: ComposeProject): boolean {
  const services = Object.entries(servicesOf(project));
  const paths = services.flatMap(([, { volumes }]) =>
    listOf(volumes).flatMap((mount) => (isTree(mount) && mount.type === "bind" ? [String(mount.source)] : [])),
  );
  for (const section of ["configs", "secrets"])
    for (const each of Object.values(sectionOf(project, section)))
      if (isTree(each) && typeof each.file === "string") paths.push(each.file);
  const variables = services.flatMap(([name, { environment, env_file }]) => [
    ...Object.keys(isTree(environment) ? environment : {}).map((key) => `${name}: ${key}`),
    ...listOf(env_file).map((file) => `${name}: ${isTree(file) ? file.path : file}`),
  ]);
  const ask = (what: string, list: readonly string[]) =>
    list.length === 0 ||
    confirm(context, `${what}:\n${[...new Set(list)].map((each) => `  ${each}\n`).join("")}Publish it?`);
  return (
    ask("These are named in the project, but are not published", paths) &&
    ask("These variables and files of variables are published with their values", variables)
  );
}

async function digestsFile(context: ComposeContext, project: ComposeProject): Promise<PublishedFile> {
  await pinImages(project.tree, context);
  const services = newTree();
  for (const [name, { image }] of Object.entries(servicesOf(project))) {
    if (image !== undefined) services[name] = Object.assign(newTree(), { image });
  }
  const text = renderModel(Object.assign(newTree(), { services }), "yaml");
  return { kind: "compose", name: "image-digests.yaml", bytes: new TextEncoder().encode(text) };
}
