/** Finds exported names that no other file of src/, test/, scripts/ or bench/ mentions: dead code that the compiler cannot see. */
import { Glob } from "bun";

const EXPORT =
  /^export\s+(?:async\s+)?(?:abstract\s+)?(?:const|let|function\*?|class|type|interface|enum)\s+([A-Za-z_$][\w$]*)/gm;

const texts = new Map<string, string>();
for (const root of ["src", "test", "scripts", "bench"]) {
  for await (const file of new Glob(`${root}/**/*.ts`).scan()) texts.set(file, await Bun.file(file).text());
}

/** Which files mention each word, so that one pass over all text serves every export. */
const mentions = new Map<string, Set<string>>();
for (const [file, text] of texts) {
  for (const [word] of text.matchAll(/[A-Za-z_$][\w$]*/g)) {
    const files = mentions.get(word) ?? new Set<string>();
    files.add(file);
    mentions.set(word, files);
  }
}

let failures = 0;
for (const [file, text] of texts) {
  // A model or contract describes a whole vocabulary; a name may be there for completeness of a type used elsewhere.
  if (!file.startsWith("src/") || file.startsWith("src/model/") || file.endsWith("/contract.ts")) continue;
  for (const match of text.matchAll(EXPORT)) {
    const name = match[1]!;
    const elsewhere = [...(mentions.get(name) ?? [])].some((other) => other !== file);
    if (elsewhere) continue;
    console.error(`${file}: nothing else uses the export '${name}'; remove it or the word export`);
    failures++;
  }
}
process.exit(failures > 0 ? 1 : 0);
