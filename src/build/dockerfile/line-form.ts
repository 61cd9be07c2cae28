/** What is wrong with a line whatever its instruction then means: docker tells it first, and without the line's number. */
import { splitInstruction } from "./flags.ts";
import { readJsonList } from "./json-form.ts";
import { readPairs } from "./words.ts";

const MAYBE_JSON = new Set(["ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"]);

/** @throws {NaruError} invalid */
export function checkLineForm(keyword: string, rest: string, token: "\\" | "`"): void {
  const instruction = keyword.toUpperCase();
  if (instruction === "ENV" || instruction === "LABEL") readPairs(rest, instruction, token);
  else if (MAYBE_JSON.has(instruction)) readJsonList(rest);
  else if (instruction === "HEALTHCHECK") readJsonList(rest.replace(/^\S+\s*/, ""));
  else if (instruction === "ONBUILD") {
    const trigger = splitInstruction(rest);
    // A chain of these is refused anyway.
    if (trigger.keyword.toUpperCase() !== "ONBUILD") checkLineForm(trigger.keyword, trigger.rest, token);
  }
}
