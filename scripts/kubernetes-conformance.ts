/**
 * Writes docs/kubernetes-conformance.md: which behaviours of Kubernetes' conformance suite the tests of a run covered, and which of them passed.
 * usage: scripts/kubernetes-conformance.ts CONFORMANCE_CSV JUNIT_REPORT
 *   CONFORMANCE_CSV  the suite as a table with the columns sig and codename
 *   JUNIT_REPORT     of `bun test --reporter=junit --reporter-outfile JUNIT_REPORT test/e2e`: of all tests, or of those that name the suite
 * A test says what it covers by its title (test/support/conformance.ts). Nothing but the report is counted: a name without a result
 * there stays open, and one whose test failed or was skipped is said to be so.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

type Result = "passed" | "failed" | "skipped";
interface Row {
  readonly sig: string;
  readonly codename: string;
}

/** The cells of a CSV text, line by line (RFC 4180: quoted cells may hold commas, line ends and doubled quotes). */
function csv(text: string): string[][] {
  const lines: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n"]*))(,|\r?\n|$)/g)) {
    lines.at(-1)!.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end !== ",") lines.push([]);
  }
  return lines.filter((cells) => cells.some((cell) => cell !== ""));
}

/** @throws Error for a table without these columns, or with a name twice */
function suite(text: string): Row[] {
  const [head = [], ...lines] = csv(text);
  const [sig, codename] = [head.indexOf("sig"), head.indexOf("codename")];
  if (sig < 0 || codename < 0) throw new Error("the table has no columns sig and codename");
  const rows = lines.map((cells) => ({ sig: cells[sig]!, codename: cells[codename]! }));
  if (new Set(rows.map((row) => row.codename)).size !== rows.length) throw new Error("the table has a name twice");
  return rows;
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const unescapeXml = (text: string) =>
  text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hex, word) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return hex === undefined ? (ENTITIES[word] ?? whole) : String.fromCodePoint(Number.parseInt(hex, 16));
  });

/** What became of each title that is a name of the suite; of a title with several tests the worst. */
function resultsOf(report: string): Map<string, Result> {
  const results = new Map<string, Result>();
  const rank: Result[] = ["passed", "skipped", "failed"];
  for (const [, attributes = "", content = ""] of report.matchAll(
    /<testcase\b((?:\s+[\w:-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const name = unescapeXml(/\sname="([^"]*)"/.exec(attributes)?.[1] ?? "");
    if (!name.startsWith("[sig-")) continue;
    const result = /<(?:failure|error)\b/.test(content) ? "failed" : /<skipped\b/.test(content) ? "skipped" : "passed";
    const before = results.get(name) ?? "passed";
    results.set(name, rank.indexOf(before) > rank.indexOf(result) ? before : result);
  }
  return results;
}

function page(rows: readonly Row[], results: ReadonlyMap<string, Result>): string {
  const count = (some: readonly Row[], result: Result) =>
    some.filter((row) => results.get(row.codename) === result).length;
  const total = (name: string, some: readonly Row[]) => {
    const numbers = [count(some, "passed"), count(some, "failed"), count(some, "skipped")];
    return `| ${[name, some.length, ...numbers, some.length - numbers.reduce((sum, one) => sum + one)].join(" | ")} |`;
  };
  const sigs = [...new Set(rows.map((row) => row.sig))].sort();
  const lines = [
    "# Kubernetes' conformance suite, name by name",
    "",
    "Written by `scripts/kubernetes-conformance.ts` from the results of a test run; do not edit.",
    "",
    "The suite itself was not run here: its programs and images are not part of this project. A name counts as *passed* when a test of",
    "this project that asserts the same behaviour, step by step, through the built executable, passed in that run. What the suite brings",
    "as images (its sample API server, its guest book, its webhooks) is played by small programs of this project's own (`test/support/`), so",
    "such a row says what a program of that kind may rely on. *No test* says nothing about the behaviour: it may work or not.",
    "",
    "| | names | passed | failed | skipped | no test |",
    "| --- | --- | --- | --- | --- | --- |",
    ...sigs.map((sig) =>
      total(
        sig,
        rows.filter((row) => row.sig === sig),
      ),
    ),
    total("**all**", rows),
  ];
  for (const sig of sigs) {
    lines.push("", `## ${sig}`, "", "| name | result |", "| --- | --- |");
    for (const { codename } of rows.filter((row) => row.sig === sig)) {
      const name = codename.replace(/^\[sig-[^\]]*\] /, "").replaceAll("|", "\\|");
      lines.push(`| ${name} | ${results.get(codename) ?? "no test"} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

const [table, report] = process.argv.slice(2);
if (table === undefined || report === undefined) {
  console.error("usage: scripts/kubernetes-conformance.ts CONFORMANCE_CSV JUNIT_REPORT");
  process.exit(1);
}
const rows = suite(await readFile(table, "utf8"));
const results = resultsOf(await readFile(report, "utf8"));
const known = new Set(rows.map((row) => row.codename));
const unknown = [...results.keys()].filter((name) => !known.has(name));
for (const name of unknown) console.error(`no such name in the suite: ${name}`);
await writeFile(join(import.meta.dir, "../docs/kubernetes-conformance.md"), page(rows, results));
const passed = rows.filter((row) => results.get(row.codename) === "passed").length;
console.log(`${passed} of ${rows.length} passed`);
process.exit(unknown.length > 0 ? 1 : 0);
