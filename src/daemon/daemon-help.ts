import type { Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** The text of `naru daemon --help`. */
export function daemonHelp(): string {
  const rows = SETTINGS.filter((entry) => entry.refusal === undefined).map((entry) => {
    const short = entry.short === undefined ? "    " : `-${entry.short}, `;
    const type = entry.type === "bool" ? "" : ` ${HELP_TYPES[entry.type]}`;
    const fallback = entry.defaultText === undefined ? "" : ` (default ${entry.defaultText})`;
    return [`  ${short}--${entry.flag}${type}`, entry.summary + fallback] as const;
  });
  rows.push(["      --help", "Print usage"], ["      --validate", "Check the configuration and quit"]);
  rows.push(["  -v, --version", "Print version information and quit"]);
  rows.sort(([a], [b]) => (a.slice(6) < b.slice(6) ? -1 : 1));
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  const lines = rows.map(([left, right]) => left.padEnd(width) + right);
  return `Usage:  naru daemon [OPTIONS]\n\nThe engine behind naru's clients: a Docker-compatible container daemon.\n\nOptions:\n${lines.join("\n")}\n`;
}

const HELP_TYPES: Record<Setting["type"], string> = {
  string: "string",
  section: "string",
  bool: "",
  int: "int",
  bytes: "bytes",
  list: "list",
  map: "map",
  features: "map",
  ulimits: "ulimit",
  pools: "pool-options",
};
