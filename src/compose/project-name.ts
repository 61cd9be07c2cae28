import { NaruError } from "../lib/errors.ts";

/** A folder's name as a project's name: small letters, digits, `-` and `_`, beginning with a letter or digit. */
export function normalizedName(folder: string): string {
  return folder
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, "")
    .replace(/^[-_]+/, "");
}

/** Refuses a name that docker compose would refuse. Throws "invalid". */
export function checkProjectName(name: string): string {
  if (name === "") throw new NaruError("invalid", "project name must not be empty");
  if (normalizedName(name) === name) return name;
  throw new NaruError(
    "invalid",
    `invalid project name ${JSON.stringify(name)}: must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
  );
}
