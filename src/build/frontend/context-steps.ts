/**
 * The steps that bring the files of contexts. Each context has one; the paths that the build reads from it are gathered while
 * stages are walked and given to the step at the end, so that nothing else is sent.
 */
import { IgnoreMatcher, readIgnoreFile } from "../../lib/ignore-patterns.ts";
import type { ContextSource } from "../contract.ts";
import type { LocalOperation, Step } from "../solver/graph.ts";

interface OpenContext {
  step: Step<Open<LocalOperation>>;
  paths: Set<string>;
}
type Open<Kind> = { -readonly [Key in keyof Kind]: Kind[Key] };

export class ContextSteps {
  private readonly open = new Map<ContextSource, OpenContext>();

  /** The context's step, whose paths are added to `paths` or to the returned set. */
  ensure(context: ContextSource, name: string, exclude: readonly string[], paths = new Set<string>()): OpenContext {
    const known = this.open.get(context);
    if (known) return known;
    const operation: Open<LocalOperation> = { type: "local", context };
    if (exclude.length > 0) operation.exclude = exclude;
    const opened = { step: { operation, show: { name } }, paths };
    this.open.set(context, opened);
    return opened;
  }

  /** Tells every step which paths it has to bring. To be called once, before anybody looks at the steps. */
  finish(): void {
    for (const { step, paths } of this.open.values()) {
      const include = relativePaths(paths);
      if (include) step.operation.include = include;
    }
  }
}

/** Undefined when everything is wanted. */
function relativePaths(paths: ReadonlySet<string>): string[] | undefined {
  if (paths.size === 0 || paths.has("/")) return undefined;
  return [...paths].map((path) => path.slice(1)).toSorted();
}

/** The patterns of an ignore file, with their matcher. @throws {NaruError} invalid */
export function readIgnores(text: Uint8Array | undefined): { patterns: string[]; matcher?: IgnoreMatcher } {
  const patterns = text ? readIgnoreFile(text) : [];
  return patterns.length === 0 ? { patterns } : { patterns, matcher: new IgnoreMatcher(patterns) };
}
