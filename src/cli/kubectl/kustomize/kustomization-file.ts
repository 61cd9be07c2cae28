/** kustomization.yaml: what may stand in it, and how it is read. */

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../../cli-error.ts";

export interface Target {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly annotationSelector?: string;
}
export interface PatchEntry {
  readonly path?: string;
  readonly patch?: string;
  readonly target?: Target;
  readonly options?: { readonly allowNameChange?: boolean; readonly allowKindChange?: boolean };
}
export interface GeneratorOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly disableNameSuffixHash?: boolean;
  readonly immutable?: boolean;
}
export interface GeneratorEntry {
  readonly name: string;
  readonly namespace?: string;
  readonly behavior?: "create" | "merge" | "replace" | "unspecified";
  readonly literals?: readonly string[];
  readonly files?: readonly string[];
  readonly envs?: readonly string[];
  readonly env?: string;
  readonly type?: string;
  readonly options?: GeneratorOptions;
}
export interface FieldSpec {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly path: string;
  readonly create?: boolean;
}
interface LabelEntry {
  readonly pairs?: Readonly<Record<string, string>>;
  readonly includeSelectors?: boolean;
  readonly includeTemplates?: boolean;
  readonly fields?: readonly FieldSpec[];
}
export interface ImageEntry {
  readonly name: string;
  readonly newName?: string;
  readonly newTag?: string | number;
  readonly digest?: string;
  readonly tagSuffix?: string;
}
export interface ReplacementEntry {
  readonly path?: string;
  readonly source?: Target & { readonly fieldPath?: string; readonly options?: FieldOptions };
  readonly sourceValue?: string;
  readonly targets?: readonly {
    readonly select?: Target;
    readonly reject?: readonly Target[];
    readonly fieldPaths?: readonly string[];
    readonly options?: FieldOptions;
  }[];
}
export interface FieldOptions {
  readonly delimiter?: string;
  readonly index?: number;
  readonly encoding?: string;
  readonly create?: boolean;
}

export interface Kustomization {
  readonly kind?: string;
  readonly namespace?: string;
  readonly namePrefix?: string;
  readonly nameSuffix?: string;
  readonly commonLabels?: Readonly<Record<string, string>>;
  readonly labels?: readonly LabelEntry[];
  readonly commonAnnotations?: Readonly<Record<string, string>>;
  readonly resources?: readonly string[];
  readonly bases?: readonly string[];
  readonly components?: readonly string[];
  readonly configMapGenerator?: readonly GeneratorEntry[];
  readonly secretGenerator?: readonly GeneratorEntry[];
  readonly generatorOptions?: GeneratorOptions;
  readonly patches?: readonly PatchEntry[];
  readonly patchesStrategicMerge?: readonly string[];
  readonly patchesJson6902?: readonly PatchEntry[];
  readonly images?: readonly ImageEntry[];
  readonly replicas?: readonly { readonly name: string; readonly count: number }[];
  readonly replacements?: readonly ReplacementEntry[];
  readonly sortOptions?: { readonly order?: string; readonly legacySortOptions?: SortLists };
}
export interface SortLists {
  readonly orderFirst?: readonly string[];
  readonly orderLast?: readonly string[];
}

const NAMES = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/** Fields that are older names of others. */
const DEPRECATED: Readonly<Record<string, string>> = {
  bases: "resources",
  commonLabels: "labels",
  patchesJson6902: "patches",
  patchesStrategicMerge: "patches",
};

const KNOWN = new Set([
  ...["apiVersion", "kind", "metadata", "namespace", "namePrefix", "nameSuffix", "labels", "commonAnnotations"],
  ...["resources", "components", "configMapGenerator", "secretGenerator", "generatorOptions", "patches", "images"],
  ...["replicas", "replacements", "sortOptions", ...Object.keys(DEPRECATED)],
]);

/** Part of kustomize's own format; the text says what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  buildMetadata: "leave it out: objects get no annotations about where they come from",
  configurations: "only kustomize's own fields are transformed",
  crds: "only kustomize's own fields are transformed",
  generators: "run the generator first and name its file in resources",
  helmCharts: "run `helm template` and name its output in resources",
  helmChartInflationGenerator: "run `helm template` and name its output in resources",
  helmGlobals: "run `helm template` and name its output in resources",
  openapi: "lists are merged by the keys of the built-in kinds",
  transformers: "run the transformer on what this prints",
  validators: "run the validator on what this prints",
  vars: "use replacements",
};

/** @param folder absolute @throws CliError in kustomize's words */
export async function readKustomization(folder: string, warn: (text: string) => void): Promise<Kustomization> {
  const path = await fileIn(folder);
  let value: unknown;
  try {
    value = Bun.YAML.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new CliError(`error: invalid Kustomization: ${path}: ${(error as Error).message}`);
  }
  if (value === null || value === undefined || (typeof value === "object" && Object.keys(value).length === 0))
    throw new CliError("error: kustomization.yaml is empty");
  if (typeof value !== "object" || Array.isArray(value)) throw new CliError(`error: invalid Kustomization: ${path}`);
  for (const field of Object.keys(value)) {
    const refusal = REFUSED[field];
    if (refusal !== undefined) throw new CliError(`error: ${path}: '${field}' is not supported: ${refusal}`);
    if (!KNOWN.has(field)) throw new CliError(`error: invalid Kustomization: json: unknown field "${field}"`);
    const newer = DEPRECATED[field];
    if (newer !== undefined) {
      warn(
        `# Warning: '${field}' is deprecated. Please use '${newer}' instead. Run 'kustomize edit fix' to update your Kustomization automatically.\n`,
      );
    }
  }
  return value as Kustomization;
}

async function fileIn(folder: string): Promise<string> {
  const found: string[] = [];
  for (const name of NAMES) {
    const path = join(folder, name);
    if (await Bun.file(path).exists()) found.push(path);
  }
  if (found.length === 1) return found[0]!;
  if (found.length > 1) throw new CliError(`error: Found multiple kustomization files under: ${folder}`);
  throw new CliError(
    `error: unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '${folder}'`,
  );
}

/** False also for what is not there. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
