/** Names of steps as BuildKit shows them: "[linux/amd64 builder 2/5] RUN make". */
import { platformText } from "../../lib/platform.ts";
import type { Platform } from "../../model/image.ts";
import { expand } from "../dockerfile/expansion.ts";
import type { StageNode } from "./stage-node.ts";
import { crossTarget } from "./target-platform.ts";

/** Gives the stage's next number to a step. */
export function numberedName(node: StageNode, text: string, showsPlatform: boolean, platform: Platform): string {
  if (node.stepTotal === 0) return text;
  node.stepIndex += 1;
  return nameWithNumber(node, text, showsPlatform, platform);
}

/** A further step of the instruction that got the last number. */
export function nameWithNumber(node: StageNode, text: string, showsPlatform: boolean, platform: Platform): string {
  const parts: string[] = [];
  if (showsPlatform) parts.push(platformText(platform) + crossTarget(platform, node.env));
  if (node.name !== "") parts.push(node.name);
  parts.push(`${String(node.stepIndex).padStart(String(node.stepTotal).length)}/${node.stepTotal}`);
  return `[${parts.join(" ")}] ${node.isInTrigger ? "ONBUILD " : ""}${text}`;
}

/**
 * The instruction with its variables' values, keyword in capitals. `asWritten`: quotes and variables without value stay,
 * as for RUN, whose shell sees them.
 */
export function shownInstruction(
  text: string,
  env: ReadonlyMap<string, string>,
  token: "\\" | "`",
  asWritten: boolean,
): string {
  const shown = expandForDisplay(text, env, token, asWritten);
  const blank = shown.indexOf(" ");
  return blank < 0 ? shown.toUpperCase() : shown.slice(0, blank).toUpperCase() + shown.slice(blank);
}

function expandForDisplay(text: string, env: ReadonlyMap<string, string>, token: "\\" | "`", asWritten: boolean) {
  try {
    return expand(text, env, { escape: token, keepsQuotes: asWritten, keepsUnset: asWritten }).text;
  } catch {
    // A text that only the shell understands is shown as it is.
    return text;
  }
}
