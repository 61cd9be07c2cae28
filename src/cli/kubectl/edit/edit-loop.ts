/** Shows objects in an editor and sends what comes back, until it is accepted or given up. */

import { rm } from "node:fs/promises";
import { CliError } from "../../cli-error.ts";
import { sameJson } from "../apply-patch.ts";
import type { KubectlContext } from "../declaration.ts";
import { sortedJsonText } from "../json-text.ts";
import { type KubeManifestObject, listOf } from "../manifest-files.ts";
import { yamlText } from "../yaml-text.ts";
import { type EditedFile, editText } from "./editor.ts";

export interface EditFlags {
  readonly output: string;
  readonly "windows-line-endings": boolean;
}

/** What became of one object of an edited file. */
export interface EditFailure {
  /** For stderr, after "error: ". */
  readonly message: string;
  /** What the file's heading tells when it is opened again; without it the file is kept and that was all. */
  readonly heading?: readonly string[];
}

/** The edited file tells of something that is not served; it is opened again. */
export class EditedFileError extends CliError {}

interface EditTask {
  readonly objects: readonly KubeManifestObject[];
  /** For failures of the whole file, such as `configmaps "web"`. */
  readonly title: string;
  /** The comment above the objects, without its signs. */
  readonly introduction: readonly string[];
  /** Sends the objects of the edited file. @throws EditedFileError; CliError to give up, the file is kept */
  save(objects: readonly KubeManifestObject[]): Promise<EditFailure[]>;
}

export const EDIT_INTRODUCTION = [
  "Please edit the object below. Lines beginning with a '#' will be ignored,",
  "and an empty file will abort the edit. If an error occurs while saving this file will be",
  "reopened with the relevant failures.",
  "",
];

/** @throws CliError when what was edited could not be saved; its text says where it is kept */
export async function editUntilSaved(context: KubectlContext, flags: EditFlags, task: EditTask): Promise<number> {
  const shown = task.objects.length === 1 ? task.objects[0]! : listOf(task.objects);
  const isJson = flags.output === "json";
  let body = isJson ? `${sortedJsonText(shown)}\n` : yamlText(shown);
  let heading: readonly string[] = [];
  let last: EditedFile | undefined;
  for (;;) {
    const comment = isJson ? "" : commentText([...task.introduction, ...heading]);
    const file = await openEditor(context, flags, comment + body, last);
    if (last !== undefined && isSameText(file.text, last.text)) {
      throw kept(file, "error: Edit cancelled, no valid changes were saved.");
    }
    if (isSameText(file.text, body) && heading.length === 0) {
      await rm(file.path, { force: true });
      context.printError("Edit cancelled, no changes made.\n");
      return 0;
    }
    const outcome = await saveFile(context, task, file);
    if (outcome === undefined) {
      await rm(file.path, { force: true });
      return 0;
    }
    if (outcome.length === 0) {
      context.printError(`You can run \`${context.program} replace -f ${file.path}\` to try this update again.\n`);
      return 1;
    }
    heading = outcome;
    body = withoutComments(file.text);
    last = file;
  }
}

async function openEditor(
  context: KubectlContext,
  flags: EditFlags,
  text: string,
  last: EditedFile | undefined,
): Promise<EditedFile> {
  if (last !== undefined) await rm(last.path, { force: true });
  const ended = flags["windows-line-endings"] ? text.replaceAll("\n", "\r\n") : text;
  return await editText(context.program, ended, flags.output === "json" ? ".json" : ".yaml");
}

/** Undefined when all is saved; lines of a heading when the file is to be opened again; no lines when it is kept as it is. */
async function saveFile(
  context: KubectlContext,
  task: EditTask,
  file: EditedFile,
): Promise<readonly string[] | undefined> {
  const invalid = (why: string): string[] => {
    context.printError(`error: ${task.title} is invalid\n`);
    return [`${task.title} was not valid:`, `* <nil>: Invalid value: "The edited file failed validation": ${why}`, ""];
  };
  let objects: KubeManifestObject[];
  try {
    objects = objectsOf(file.text);
  } catch (error) {
    return invalid((error as Error).message.replaceAll("\n", " "));
  }
  if (objects.length === 0) return invalid("invalid object to validate");
  let failures: EditFailure[];
  try {
    failures = await task.save(objects);
  } catch (error) {
    if (error instanceof EditedFileError)
      return [...`The edited file had a syntax error: ${error.message}`.split("\n"), ""];
    if (!(error instanceof CliError)) throw error;
    throw kept(file, error.message);
  }
  for (const { message } of failures) context.printError(`error: ${message}\n`);
  if (failures.length === 0) return undefined;
  return failures.flatMap((failure) => [...(failure.heading ?? [])]);
}

/** @throws Error what is wrong with the text */
function objectsOf(text: string): KubeManifestObject[] {
  const parsed: unknown = Bun.YAML.parse(text);
  const documents = Array.isArray(parsed) ? parsed : [parsed];
  return documents.flatMap((document) => {
    if (document === null || document === undefined) return [];
    const object = document as KubeManifestObject & { items?: KubeManifestObject[] };
    if (typeof object !== "object" || typeof object.kind !== "string" || typeof object.apiVersion !== "string")
      throw new Error("invalid object to validate");
    return object.kind === "List" ? (object.items ?? []) : [object];
  });
}

const kept = ({ path }: EditedFile, why: string): CliError =>
  new CliError(`A copy of your changes has been stored to ${JSON.stringify(path)}\n${why}`);

const commentText = (lines: readonly string[]): string =>
  lines.map((line) => `#${line === "" ? "" : ` ${line}`}\n`).join("");

const withoutComments = (text: string): string =>
  text
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .join("\n");

function isSameText(one: string, other: string): boolean {
  try {
    return sameJson(Bun.YAML.parse(one), Bun.YAML.parse(other));
  } catch {
    // What cannot be read is compared as it stands.
    return withoutComments(one) === withoutComments(other);
  }
}
