import { Document, isScalar, parse, visit } from "yaml";

/** Words that older YAML reads as true and false. */
const WORDS = /^(?:y|n|yes|no|on|off)$/i;

/** YAML as kubectl prints it: strings that look like something else in double quotes, others that need quotes in single ones. */
export function yamlText(value: unknown): string {
  const document = new Document(value, { version: "1.1" });
  visit(document, {
    Scalar(_key, node) {
      if (isScalar(node) && typeof node.value === "string" && looksLikeElse(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString({ lineWidth: 0, indentSeq: false, singleQuote: true });
}

function looksLikeElse(text: string): boolean {
  if (text === "" || WORDS.test(text)) return true;
  // Only what begins like a number, a word or a time can be one.
  if (text.length > 40 || !/^[-+.\d~<=tfnTFN]/.test(text)) return false;
  try {
    return typeof parse(text, { version: "1.1" }) !== "string" && !/[:#*&!|>'"%@`{}[\]]\s|: /.test(text);
  } catch {
    return false;
  }
}
