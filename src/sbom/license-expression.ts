/**
 * Licences as SPDX license expressions (SPDX 2.3, annex D). What has no SPDX identifier is given one of the document's own
 * ("LicenseRef-…"), so that nothing that a package says is lost and nothing is claimed that it does not say.
 */

import deprecatedIds from "spdx-license-ids/deprecated.json";
import licenseIds from "spdx-license-ids/index.json";
import { debianLicenseName } from "./debian-license-names.ts";
import type { DeclaredLicense } from "./found-package.ts";

export const NO_ASSERTION = "NOASSERTION";
const MAX_LENGTH = 2000;
const MAX_NESTING = 50;
const MAX_REFERENCE = 80;
const SAYS_NOTHING = /^(unknown|none|noassertion|unlicensed)$/i;
const EXCEPTION = /^[A-Za-z0-9.-]+-(?:exception|linking)[A-Za-z0-9.-]*$|^(?:LLVM-exception|KiCad-libraries-exception)$/;

/** SPDX identifiers by their lower case: readers compare them without regard to case (annex D.2). */
const IDENTIFIERS = new Map([...deprecatedIds, ...licenseIds].map((id) => [id.toLowerCase(), id]));

/** Names that are common in packages and mean one license only. */
const COMMON_NAMES: Readonly<Record<string, string>> = {
  "apache 2.0": "Apache-2.0",
  "apache 2": "Apache-2.0",
  "apache-2": "Apache-2.0",
  "apache license 2.0": "Apache-2.0",
  "apache license, version 2.0": "Apache-2.0",
  "apache license version 2.0": "Apache-2.0",
  "apache software license 2.0": "Apache-2.0",
  "the apache license, version 2.0": "Apache-2.0",
  "asl 2.0": "Apache-2.0",
  "mit license": "MIT",
  "the mit license": "MIT",
  expat: "MIT",
  "new bsd license": "BSD-3-Clause",
  "3-clause bsd license": "BSD-3-Clause",
  "bsd 3-clause": "BSD-3-Clause",
  "2-clause bsd license": "BSD-2-Clause",
  "isc license": "ISC",
  "isc license (iscl)": "ISC",
  "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
  mplv2: "MPL-2.0",
  "mplv2.0": "MPL-2.0",
  "mplv1.1": "MPL-1.1",
  "the unlicense (unlicense)": "Unlicense",
  "python software foundation license": "PSF-2.0",
  "gnu general public license v2 (gplv2)": "GPL-2.0-only",
  "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
  "gnu general public license v3 (gplv3)": "GPL-3.0-only",
  "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
  "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
  "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
  "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.0-or-later",
};

/** Identifiers of SPDX 2 that say "only" or "or later" no longer by themselves; also Fedora's "GPLv2+". */
const GNU_NAME = /^(a?gpl|lgpl|gfdl)(?:-|v|-v)?(\d)(?:\.(\d))?(?:\.0)?(\+|-or-later|-only)?$/i;

/** The expressions of one document, and the identifiers that it makes up. */
export class LicenseTable {
  /** What each "LicenseRef-…" stands for, in the package's words. */
  readonly references = new Map<string, string>();

  /** An expression, or "NOASSERTION" when the package says nothing. */
  expression(declared: DeclaredLicense | undefined): string {
    const parts = (declared?.values ?? []).flatMap((value) => this.one(value.trim(), declared!.notation));
    const texts = parts.map(({ text, precedence }) => (precedence === 0 && parts.length > 1 ? `(${text})` : text));
    return texts.length === 0 ? NO_ASSERTION : [...new Set(texts)].join(" AND ");
  }

  /** What must hold all at once comes in parts, so that nothing is said twice. */
  private one(value: string, notation: DeclaredLicense["notation"]): Part[] {
    if (value === "" || value.length > MAX_LENGTH || SAYS_NOTHING.test(value)) return [];
    const isDebian = notation === "debian";
    const identify = (name: string) => (isDebian ? this.debian(name) : identifierOf(name));
    const whole = identify(value);
    if (whole !== undefined) return [{ text: whole, precedence: 2 }];
    const own = (): Part[] => [{ text: this.reference(value), precedence: 2 }];
    if (notation === "text") return own();
    const plain = isDebian ? value.replace(/,\s*(?=and |or )/g, " ") : value.replace(/\s*\/\s*/g, " OR ");
    const fallback = isDebian ? (name: string) => this.reference(name) : undefined;
    const parsed = new ExpressionParser(plain, identify, fallback).parse();
    if (parsed === undefined) return own();
    if (parsed.precedence !== 1 || parsed.text.includes("(")) return [parsed];
    return parsed.text.split(" AND ").map((text) => ({ text, precedence: 2 }));
  }

  private debian(name: string): string | undefined {
    const known = debianLicenseName(name);
    return known === undefined ? identifierOf(name) : (identifierOf(known) ?? known);
  }

  private reference(text: string): string {
    const plain =
      text
        .replace(/[^A-Za-z0-9.-]+/g, "-")
        .replace(/^-+|-+$/g, "")
        .slice(0, MAX_REFERENCE) || "unnamed";
    for (let number = 1; ; number += 1) {
      const id = `LicenseRef-${plain}${number === 1 ? "" : `-${number}`}`;
      const taken = this.references.get(id);
      if (taken === undefined) this.references.set(id, text);
      if (taken === undefined || taken === text) return id;
    }
  }
}

function identifierOf(name: string): string | undefined {
  const common = COMMON_NAMES[name.toLowerCase()];
  if (common !== undefined) return common;
  const gnu = GNU_NAME.exec(name);
  if (gnu) {
    const [, family = "", major, minor = "0", suffix = ""] = gnu;
    const end = suffix === "+" || suffix.toLowerCase() === "-or-later" ? "or-later" : "only";
    return IDENTIFIERS.get(`${family}-${major}.${minor}-${end}`.toLowerCase());
  }
  return IDENTIFIERS.get(name.toLowerCase());
}

type Precedence = 0 | 1 | 2;
interface Part {
  text: string;
  /** 0: "OR", 1: "AND", 2: one license. */
  precedence: Precedence;
}

/** AND before OR, both of any case; names may be several words where `fallback` gives them an identifier. */
class ExpressionParser {
  private readonly tokens: string[];
  private next = 0;
  private nesting = 0;

  constructor(
    text: string,
    private readonly identify: (name: string) => string | undefined,
    private readonly fallback: ((name: string) => string) | undefined,
  ) {
    this.tokens = text.match(/[()]|[^\s()]+/g) ?? [];
  }

  /** Undefined for what is no expression. */
  parse(): Part | undefined {
    const part = this.alternatives();
    return part && this.next === this.tokens.length ? part : undefined;
  }

  private alternatives(): Part | undefined {
    return this.joined("or", 0, () => this.joined("and", 1, () => this.single()));
  }

  private joined(word: string, precedence: Precedence, operand: () => Part | undefined): Part | undefined {
    const first = operand();
    if (!first) return undefined;
    const texts = [first];
    while (this.tokens[this.next]?.toLowerCase() === word) {
      this.next += 1;
      const another = operand();
      if (!another) return undefined;
      texts.push(another);
    }
    if (texts.length === 1) return first;
    const unique = [...new Set(texts.map((part) => (part.precedence < precedence ? `(${part.text})` : part.text)))];
    return { text: unique.join(` ${word.toUpperCase()} `), precedence: unique.length === 1 ? 2 : precedence };
  }

  private single(): Part | undefined {
    if (this.tokens[this.next] === "(") return this.parenthesized();
    const words: string[] = [];
    while (this.next < this.tokens.length && !/^(and|or|with|[()])$/i.test(this.tokens[this.next]!)) {
      words.push(this.tokens[this.next++]!);
    }
    const name = words.join(" ");
    if (name === "") return undefined;
    const exception = this.exception();
    const identifier = this.identify(name);
    if (exception === undefined) return this.license(identifier, name);
    if (identifier !== undefined && !identifier.startsWith("LicenseRef-") && EXCEPTION.test(exception)) {
      return { text: `${identifier} WITH ${exception}`, precedence: 2 };
    }
    return this.license(undefined, `${name} with ${exception}`);
  }

  private license(identifier: string | undefined, name: string): Part | undefined {
    const text = identifier ?? this.fallback?.(name);
    return text === undefined ? undefined : { text, precedence: 2 };
  }

  private parenthesized(): Part | undefined {
    this.nesting += 1;
    if (this.nesting > MAX_NESTING) return undefined;
    this.next += 1;
    const inner = this.alternatives();
    if (this.tokens[this.next] !== ")") return undefined;
    this.next += 1;
    return inner;
  }

  /** The words behind "with". */
  private exception(): string | undefined {
    if (this.tokens[this.next]?.toLowerCase() !== "with") return undefined;
    this.next += 1;
    const words: string[] = [];
    while (this.next < this.tokens.length && !/^(and|or|[()])$/i.test(this.tokens[this.next]!)) {
      words.push(this.tokens[this.next++]!);
    }
    return words.join(" ");
  }
}
