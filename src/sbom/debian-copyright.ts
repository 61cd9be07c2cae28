/** Licences in Debian's machine-readable copyright files (DEP 5, "copyright-format/1.0"). Other files say nothing certain. */
import { paragraphs } from "./control-file.ts";

const FORMAT = /^(Format|Format-Specification): *\S*(copyright-format|dep5)/im;
/** The rest of a huge file lists the texts of licences that were named before. */
const HEAD = 4096;

/** The short names of all licences that files of the package are under, in order; empty when the file is of another form. */
export function debianLicenses(text: string): string[] {
  if (!FORMAT.test(text.slice(0, HEAD))) return [];
  const names = new Set<string>();
  for (const fields of paragraphs(text)) {
    // A paragraph without files holds the text of a licence that others name.
    if (!fields.has("files")) continue;
    const name = fields.get("license")?.split("\n")[0]?.trim();
    if (name) names.add(name.replace(/\s+/g, " "));
  }
  return [...names].sort();
}
