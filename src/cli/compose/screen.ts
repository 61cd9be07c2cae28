import { isTerminal } from "../output.ts";
import type { ComposeContext } from "./declaration.ts";

/** True where lines may be coloured and drawn anew: `--ansi`, COMPOSE_ANSI, NO_COLOR (no-color.org), or a terminal. */
export function usesColors({ globals }: ComposeContext, descriptor: 1 | 2): boolean {
  const wish = globals["no-ansi"]
    ? "never"
    : globals.ansi !== "auto"
      ? globals.ansi
      : process.env.COMPOSE_ANSI || "auto";
  if (wish === "always") return true;
  return wish !== "never" && isTerminal(descriptor) && !process.env.NO_COLOR && process.env.TERM !== "dumb";
}
