/** The build checks that need nothing but the text of the Dockerfile. */
import type { ArgInstruction, Dockerfile, Instruction, Stage } from "./ast.ts";
import type { CheckReport } from "./check-report.ts";

const RESERVED = new Set(["scratch", "context"]);

/** What single instructions tell, also those before a mistake. */
export function checkInstructions(dockerfile: Dockerfile, report: CheckReport): void {
  for (const { range } of dockerfile.parsed.emptyContinuations) report.report("NoEmptyContinuation", range, []);
  for (const arg of dockerfile.globalArgs) checkArgComment(arg, report);
  for (const stage of dockerfile.stages) {
    checkFrom(stage, report);
    for (const instruction of stage.instructions) checkInstruction(instruction, report);
  }
}

/** What only the whole Dockerfile tells. */
export function checkWhole({ stages }: Dockerfile, report: CheckReport): void {
  checkStageNames(stages, report);
  checkCasing(stages, report);
}

function checkFrom(stage: Stage, report: CheckReport): void {
  const { range, comments, writtenName, name, fromKeyword, asKeyword } = stage;
  if (writtenName !== name) report.report("StageNameCasing", range, comments, writtenName);
  if (asKeyword !== "" && isLower(fromKeyword) !== isLower(asKeyword)) {
    report.report("FromAsCasing", range, comments, fromKeyword, asKeyword);
  }
  if (name !== "") checkComment("FROM", [name], stage, report);
}

function isLower(word: string): boolean {
  return word === word.toLowerCase();
}

function checkInstruction(instruction: Instruction, report: CheckReport): void {
  if (instruction.kind === "ARG") checkArgComment(instruction, report);
  if (instruction.kind === "MAINTAINER") {
    report.report("MaintainerDeprecated", instruction.range, instruction.comments);
  }
}

function checkArgComment(arg: ArgInstruction, report: CheckReport): void {
  checkComment(
    "ARG",
    arg.args.map(({ name }) => name),
    arg,
    report,
  );
}

function checkComment(
  keyword: string,
  names: readonly string[],
  { comments, range }: Pick<Stage, "comments" | "range">,
  report: CheckReport,
): void {
  const last = comments.at(-1);
  if (last === undefined || names.includes(last.split(" ", 1)[0]!)) return;
  report.report("InvalidDefinitionDescription", range, comments, keyword, names.length > 1 ? "<arg_key>" : names[0]!);
}

function checkStageNames(stages: readonly Stage[], report: CheckReport): void {
  const seen = new Set<string>();
  for (const { name, range, comments } of stages) {
    if (name === "") continue;
    if (RESERVED.has(name)) report.report("ReservedStageName", range, comments, name);
    if (seen.has(name)) report.report("DuplicateStageName", range, comments, name);
    seen.add(name);
  }
}

/** The majority decides; words in mixed case have no vote. */
function checkCasing(stages: readonly Stage[], report: CheckReport): void {
  const words = stages.flatMap((stage) => [
    { keyword: stage.fromKeyword, range: stage.range, comments: stage.comments },
    ...stage.instructions,
  ]);
  const lower = words.filter(({ keyword }) => isLower(keyword)).length;
  const upper = words.filter(({ keyword }) => keyword === keyword.toUpperCase()).length;
  const wanted = lower > upper ? "lowercase" : "uppercase";
  for (const { keyword, range, comments } of words) {
    const right = wanted === "lowercase" ? keyword.toLowerCase() : keyword.toUpperCase();
    if (keyword !== right) report.report("ConsistentInstructionCasing", range, comments, keyword, wanted);
  }
}
