/** Builds a kustomization: reads its objects, makes others, and changes them all as its file says. */

import { readFile, realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CliError } from "../../cli-error.ts";
import { fetchText, type KubeManifestObject, manifestsInText } from "../manifest-files.ts";
import { type CustomizedObject, idText, newCustomized } from "./customized-object.ts";
import { ANNOTATION_FIELDS, addPairs, labelFields } from "./field-specs.ts";
import { generate } from "./generators.ts";
import { setImages, setReplicas } from "./images.ts";
import { isFolder, type Kustomization, type PatchEntry, readKustomization } from "./kustomization-file.ts";
import { fixReferences } from "./name-references.ts";
import { addAffixes, addHashes, setNamespace } from "./naming.ts";
import { inOrder } from "./order.ts";
import { applyPatchEntry } from "./patches.ts";
import { replaceFields } from "./replacements.ts";

interface BuildOptions {
  /** False allows files outside a kustomization's own folder. */
  readonly isRestricted: boolean;
  /** Told of deprecated fields; lines. */
  warn(text: string): void;
}

/** @param folder that holds kustomization.yaml @throws CliError in kustomize's words */
export async function buildKustomization(folder: string, options: BuildOptions): Promise<KubeManifestObject[]> {
  if (!(await isFolder(folder))) {
    throw new CliError(
      `error: must build at directory: not a valid directory: evalsymlink failure on '${folder}' : lstat ${resolve(folder)}: no such file or directory`,
    );
  }
  const objects: CustomizedObject[] = [];
  const root = await realpath(folder);
  const kustomization = await new Builder(root, [root], options).run(objects);
  addHashes(objects);
  fixReferences(objects);
  const { order = "legacy", legacySortOptions } = kustomization.sortOptions ?? {};
  const sorted = order === "fifo" ? objects : inOrder(objects, legacySortOptions);
  return sorted.map(({ object }) => object).filter((object) => !isLocal(object));
}

/** Objects that only the build needs. */
const isLocal = ({ metadata }: KubeManifestObject): boolean =>
  (metadata?.annotations as Record<string, string> | undefined)?.["config.kubernetes.io/local-config"] === "true";

class Builder {
  constructor(
    private readonly root: string,
    /** Folders that led here, for cycles. */
    private readonly path: readonly string[],
    private readonly options: BuildOptions,
  ) {}

  /** Adds this kustomization's objects to those that are there; what it changes, it changes in all of them. */
  async run(objects: CustomizedObject[]): Promise<Kustomization> {
    const kustomization = await readKustomization(this.root, this.options.warn);
    for (const place of [...(kustomization.resources ?? []), ...(kustomization.bases ?? [])])
      await this.addResource(objects, place);
    await this.generateAll(objects, kustomization);
    for (const place of kustomization.components ?? []) await this.folder(place).then((one) => one.run(objects));
    await this.transform(objects, kustomization);
    return kustomization;
  }

  private async addResource(objects: CustomizedObject[], place: string): Promise<void> {
    const path = join(this.root, place);
    if (await isFolder(path)) {
      const below: CustomizedObject[] = [];
      await (await this.folder(place)).run(below);
      this.merge(objects, below, (id) => {
        const why = `may not add resource with an already registered id: ${id}`;
        return `accumulation err='accumulating resources from '${place}': '${path}' must resolve to a file': recursed merging from path '${path}': ${why}`;
      });
      return;
    }
    const text = /^https?:\/\//.test(place)
      ? await fetchText(place)
      : new TextDecoder().decode(await this.read(place, "resources"));
    const found = manifestsInText(text, place).map(({ object }) => newCustomized(object));
    this.merge(objects, found, (id) => {
      const why = `merging resources from '${place}': may not add resource with an already registered id: ${id}`;
      return `accumulation err='${why}': must build at directory: '${path}': file is not directory`;
    });
  }

  /** @param complaint for an object that is there already, by its id */
  private merge(
    objects: CustomizedObject[],
    added: readonly CustomizedObject[],
    complaint: (id: string) => string,
  ): void {
    for (const one of added) {
      const id = idText(one.object);
      if (objects.some(({ object }) => idText(object) === id))
        throw new CliError(`error: accumulating resources: ${complaint(id)}`);
      objects.push(one);
    }
  }

  private async folder(place: string): Promise<Builder> {
    const path = join(this.root, place);
    if (!(await isFolder(path))) {
      throw new CliError(
        `error: accumulating components: loader.New "must build at directory: not a valid directory: evalsymlink failure on '${path}' : lstat ${path}: no such file or directory"`,
      );
    }
    const root = await realpath(path);
    if (this.path.includes(root)) {
      throw new CliError(
        `error: accumulating resources: accumulation err='accumulating resources from '${place}': '${path}' must resolve to a file': cycle detected: candidate root '${root}' contains visited root '${this.path.at(-1)}'`,
      );
    }
    return new Builder(root, [...this.path, root], this.options);
  }

  /** @param what for complaints */
  private async read(place: string, what: string): Promise<Uint8Array> {
    const path = resolve(this.root, place);
    let real: string;
    try {
      real = await realpath(path);
    } catch {
      const why = `evalsymlink failure on '${path}' : lstat ${path}: no such file or directory`;
      throw new CliError(
        what === "resources"
          ? `error: accumulating resources: accumulation err='accumulating resources from '${place}': ${why}': must build at directory: not a valid directory: ${why}`
          : `error: ${what}: ${why}`,
      );
    }
    if (this.options.isRestricted && real !== this.root && !real.startsWith(`${this.root}/`)) {
      const why = `security; file '${real}' is not in or below '${this.root}'`;
      throw new CliError(
        what === "resources"
          ? `error: accumulating resources: accumulation err='accumulating resources from '${place}': ${why}': must build at directory: '${path}': file is not directory`
          : `error: ${what}: ${why}`,
      );
    }
    return await readFile(real);
  }

  private async generateAll(objects: CustomizedObject[], kustomization: Kustomization): Promise<void> {
    const { generatorOptions = {}, configMapGenerator = [], secretGenerator = [] } = kustomization;
    const readBytes = (place: string) => this.read(place, `loading KV pairs: file sources: [${place}]`);
    for (const entry of configMapGenerator) await generate(objects, "ConfigMap", entry, generatorOptions, readBytes);
    for (const entry of secretGenerator) await generate(objects, "Secret", entry, generatorOptions, readBytes);
  }

  /** In kustomize's order, whatever the order of the fields. */
  private async transform(objects: CustomizedObject[], kustomization: Kustomization): Promise<void> {
    for (const place of kustomization.patchesStrategicMerge ?? []) await this.patch(objects, strategicEntry(place));
    for (const entry of kustomization.patches ?? []) await this.patch(objects, entry);
    setNamespace(objects, kustomization.namespace);
    addAffixes(objects, kustomization.namePrefix, kustomization.nameSuffix);
    addLabels(objects, kustomization);
    for (const { object } of objects)
      addPairs(object, annotationFieldsOf(kustomization), kustomization.commonAnnotations ?? {});
    for (const entry of kustomization.patchesJson6902 ?? []) await this.patch(objects, entry);
    for (const { name, count } of kustomization.replicas ?? []) setReplicas(objects, name, count);
    setImages(objects, kustomization.images ?? []);
    for (const entry of kustomization.replacements ?? []) {
      const own = entry.path === undefined ? [entry] : await this.entriesIn(entry.path);
      for (const one of own) replaceFields(objects, one);
    }
  }

  private async patch(objects: CustomizedObject[], entry: PatchEntry): Promise<void> {
    const text =
      entry.patch ??
      (entry.path === undefined ? undefined : new TextDecoder().decode(await this.read(entry.path, "loading patches")));
    if (text === undefined) throw new CliError("error: must specify one of patch and path");
    applyPatchEntry(objects, entry, text);
  }

  private async entriesIn(place: string) {
    const parsed: unknown = Bun.YAML.parse(new TextDecoder().decode(await this.read(place, "loading replacements")));
    return (Array.isArray(parsed) ? parsed : [parsed]) as NonNullable<Kustomization["replacements"]>;
  }
}

/** A file's name, or the patch itself. */
const strategicEntry = (text: string): PatchEntry =>
  text.includes("\n") || text.includes("{") ? { patch: text } : { path: text };

const annotationFieldsOf = ({ commonAnnotations }: Kustomization) =>
  commonAnnotations === undefined ? [] : ANNOTATION_FIELDS;

function addLabels(objects: readonly CustomizedObject[], { labels = [], commonLabels }: Kustomization): void {
  const entries = [...(commonLabels === undefined ? [] : [{ pairs: commonLabels, includeSelectors: true }]), ...labels];
  for (const { pairs = {}, includeSelectors = false, ...more } of entries) {
    const { includeTemplates = false, fields = [] } = more as {
      includeTemplates?: boolean;
      fields?: typeof ANNOTATION_FIELDS;
    };
    for (const { object } of objects)
      addPairs(object, [...labelFields(includeTemplates, includeSelectors), ...fields], pairs);
  }
}
