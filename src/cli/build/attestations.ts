import type { BuildWish } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import { csvBool, csvSettings } from "./csv-settings.ts";

/** What `--attest`, `--provenance` and `--sbom` ask for; the short forms win. Throws CliError. */
export function readAttestations(flags: { attest: string[]; provenance: string; sbom: string }) {
  const wish: BuildWish["attestations"] = { sbom: false };
  for (const text of flags.attest) {
    const { type = "", ...settings } = csvSettings("attest", text);
    if (type !== "sbom" && type !== "provenance") {
      throw new CliError(`unsupported attestation type ${JSON.stringify(type)}: use sbom or provenance`);
    }
    attest(wish, type, settings);
  }
  if (flags.provenance !== "") attest(wish, "provenance", shortForm("provenance", flags.provenance));
  if (flags.sbom !== "") attest(wish, "sbom", shortForm("sbom", flags.sbom));
  return wish;
}

/** `true`, `false`, or settings such as `mode=max`. */
function shortForm(flag: string, text: string): Record<string, string> {
  if (text.includes("=")) return csvSettings(flag, text);
  return csvBool(flag, "the flag", text) ? {} : { disabled: "true" };
}

function attest(wish: BuildWish["attestations"], type: "sbom" | "provenance", settings: Record<string, string>): void {
  const { disabled = "false", mode = "min", generator, ...others } = settings;
  const isOff = csvBool("attest", "disabled", disabled);
  const [unknown] = Object.keys(others).filter((key) => !["inline-only", "version", "builder-id"].includes(key));
  if (unknown !== undefined) throw new CliError(`unknown setting ${unknown} of an attestation of type ${type}`);
  if (type === "sbom") {
    if (generator !== undefined && generator !== "image") {
      throw new CliError("naru lists what is installed itself: leave generator out of --sbom");
    }
    wish.sbom = !isOff;
    return;
  }
  if (mode !== "min" && mode !== "max") throw new CliError(`invalid mode ${mode} of provenance: use min or max`);
  const { version = "v1", "builder-id": builderId = "", "inline-only": inlineOnly = "false" } = others;
  if (version !== "v0.2" && version !== "v1") {
    throw new CliError(`invalid version ${version} of provenance: use v0.2 or v1`);
  }
  if (csvBool("attest", "inline-only", inlineOnly)) {
    throw new CliError("inline-only is what nobody asks for: leave it out, or --provenance altogether");
  }
  // The last one counts, with all that it says.
  for (const key of ["provenance", "provenanceVersion", "builderId"] as const) delete wish[key];
  if (!isOff)
    Object.assign(wish, { provenance: mode, provenanceVersion: version, ...(builderId ? { builderId } : {}) });
}
