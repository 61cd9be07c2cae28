import { CliError } from "./cli-error.ts";

/** The API path of an object, such as `/containers/web`. Throws CliError when the name is empty. */
export function objectPath(kind: "container" | "image" | "network" | "volume", name: string): string {
  const trimmed = name.trim();
  if (trimmed === "") throw new CliError(`invalid ${kind} name or ID: value is empty`);
  return `/${kind}s/${encodeURI(trimmed).replace(/[?#]/g, encodeURIComponent)}`;
}
