import { isTerminal } from "../output.ts";
import type { ComposeContext } from "./declaration.ts";

/** What the user wishes: `--ansi`, `--no-ansi`, COMPOSE_ANSI. */
export function ansiWish({ globals }: ComposeContext): string {
  if (globals["no-ansi"]) return "never";
  return globals.ansi !== "auto" ? globals.ansi : process.env.COMPOSE_ANSI || "auto";
}

/** True where lines may be coloured: by wish, else on a terminal, but for NO_COLOR (no-color.org). */
export function usesColors(context: ComposeContext, descriptor: 1 | 2): boolean {
  const wish = ansiWish(context);
  if (wish === "always") return true;
  return wish !== "never" && isTerminal(descriptor) && !process.env.NO_COLOR && process.env.TERM !== "dumb";
}
