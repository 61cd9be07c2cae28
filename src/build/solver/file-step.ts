/** Runs a file operation: its actions, in order, in a view of the root with a new layer on top. */
import { readdir } from "node:fs/promises";
import type { LayerDraft, LayerHandle } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { ChangeParams } from "./build-worker.ts";
import type { SolverContext } from "./builder-parts.ts";
import { directoriesOf, placeInside } from "./exec-mounts.ts";
import type { CopyAction, FileAction, FileOperation, Step } from "./graph.ts";
import { findBaseImage } from "./step-digest.ts";
import type { StepResult } from "./step-result.ts";
import type { TreeAction } from "./tree-changes.ts";
import type { Owner } from "./tree-copier.ts";
import type { Selection } from "./tree-selection.ts";

interface FileRun {
  operation: FileOperation;
  root: StepResult;
  /** Results of the steps that actions copy from. */
  resultOf(step: Step | undefined): StepResult;
  signal: AbortSignal;
}

/** What of a result a copy takes; the view of the result must stay open. */
export function selectionOf(action: CopyAction, source: StepResult, root: string): Selection {
  return {
    root,
    sources: action.sources,
    exclude: action.exclude ?? [],
    rootExclude: source.context?.exclude ?? [],
    keepsParents: action.keepsParents ?? false,
    allowsNoMatch: action.allowsNoMatch ?? false,
  };
}

/**
 * @returns the new layer, or undefined when nothing changed
 * @throws {NaruError} invalid, not-found, unavailable (no space); nothing is left behind then
 */
export async function runFileOperation(context: SolverContext, run: FileRun): Promise<LayerHandle | undefined> {
  const { workshop } = context;
  await using undo = new AsyncDisposableStack();
  const draft = await workshop.openDraft();
  undo.defer(() => workshop.removeLayer(draft.id));
  const change = new LayerChange(context, run, draft);
  try {
    await change.open();
    for (const action of run.operation.actions) await change.apply(action);
    await change.flush();
  } catch (error) {
    throw noSpaceError(error) ?? error;
  } finally {
    await change.close();
  }
  run.signal.throwIfAborted();
  if ((await readdir(draft.upperDir)).length === 0) return undefined;
  await workshop.keepDraft(draft);
  undo.move();
  return { kind: "built", id: draft.id };
}

function noSpaceError(error: unknown): NaruError | undefined {
  if (!/\bENOSPC\b|no space left/i.test(errorText(error))) return undefined;
  return new NaruError("unavailable", `${errorText(error)}: free some space (builder prune) and try again`, {
    cause: error,
  });
}

/** When the base image was made: a time that does not depend on when or where the build runs. Seconds. */
function madeAt(root: Step | undefined): number {
  return Math.floor(Date.parse(findBaseImage(root)?.config.created ?? "") / 1000) || 0;
}

class LayerChange {
  private readonly stack = new AsyncDisposableStack();
  private readonly views = new Map<StepResult, Promise<string>>();
  private target = "";
  /** Gathered, so that a layer costs one job. */
  private pending: TreeAction[] = [];

  constructor(
    private readonly context: SolverContext,
    private readonly run: FileRun,
    private readonly draft: LayerDraft,
  ) {}

  async open(): Promise<void> {
    const view = await this.context.views.openWritable(directoriesOf(this.context, this.run.root), this.draft);
    this.stack.defer(() => view.close());
    this.target = view.path;
  }

  async close(): Promise<void> {
    await this.stack.disposeAsync();
  }

  async apply(action: FileAction): Promise<void> {
    switch (action.action) {
      case "copy":
        return await this.copy(action);
      case "mkdir": {
        const mode = action.mode === undefined ? {} : { mode: action.mode.toString(8) };
        const owner = await this.ownerOf(action.owner);
        this.pending.push({ action: "mkdir", path: action.path, ...mode, ...(owner ? { owner } : {}) });
        return;
      }
      case "mkfile": {
        const { path, name, data, mode } = action;
        const owner = await this.ownerOf(action.owner);
        const given = { ...(mode === undefined ? {} : { mode }), ...(owner ? { owner } : {}) };
        this.pending.push({ action: "mkfile", path, name, data, ...given });
        return;
      }
      case "symlink":
      case "rm":
        this.pending.push(action);
    }
  }

  async flush(): Promise<void> {
    const actions = this.pending;
    this.pending = [];
    if (actions.length === 0) return;
    const params: ChangeParams = { root: this.target, actions, madeAtSeconds: madeAt(this.run.operation.root) };
    await this.context.pool.run("change", params, { signal: this.run.signal });
  }

  private async copy(action: CopyAction): Promise<void> {
    const source = this.run.resultOf(action.from);
    const root = await this.viewOf(source);
    const given = await this.ownerOf(action.owner);
    const owner = given ?? (source.context || source.isSource ? { uid: 0, gid: 0 } : undefined);
    const { archives, sources } = action.unpacks
      ? await this.findArchives(action, source, root)
      : { archives: [], sources: action.sources };
    if (sources.length > 0) {
      this.pending.push({
        action: "copy",
        selection: { ...selectionOf(action, source, root), sources },
        destination: action.destination,
        ...(owner ? { owner } : {}),
        ...(action.mode === undefined ? {} : { mode: action.mode }),
        isDirectory: action.sources.length > 1 || archives.length + sources.length > 1,
      });
    }
    for (const archive of archives) await this.unpack(archive, action.destination, given);
  }

  /** Places of the tar archives among the sources, and the other sources; patterns are expanded when they fit some. */
  private async findArchives(action: CopyAction, source: StepResult, root: string) {
    const archives: string[] = [];
    const sources: string[] = [];
    for (const path of action.sources) {
      const isPattern = /[*?[]/.test(path);
      const paths = isPattern ? await this.expand(action, source, root, path) : [path];
      const places = await Promise.all(paths.map((one) => this.findArchive(root, one)));
      const others = paths.filter((_, index) => places[index] === undefined);
      archives.push(...places.filter((place) => place !== undefined));
      sources.push(...(others.length === paths.length ? [path] : others));
    }
    return { archives, sources };
  }

  private async expand(action: CopyAction, source: StepResult, root: string, path: string): Promise<string[]> {
    const selection = { ...selectionOf(action, source, root), sources: [path] };
    return await this.context.pool.run<string[]>("expand", selection, { signal: this.run.signal });
  }

  private async findArchive(root: string, path: string): Promise<string | undefined> {
    try {
      const place = placeInside(root, path.replace(/\\(?=[*?[\]\\])/g, ""));
      return (await this.context.files.isArchive(place)) ? place : undefined;
    } catch {
      // What is not there is told by the copy.
      return undefined;
    }
  }

  private async unpack(archive: string, destination: string, owner: Owner | undefined): Promise<void> {
    await this.makeDestination(destination, owner);
    await this.context.files.writeArchive(this.target, destination, Bun.file(archive).stream(), {
      noOverwriteDirNonDir: false,
      copyUidGid: owner,
      signal: this.run.signal,
    });
  }

  private async makeDestination(destination: string, owner: Owner | undefined): Promise<void> {
    this.pending.push({ action: "mkdir", path: destination, ...(owner ? { owner } : {}) });
    await this.flush();
  }

  private viewOf(source: StepResult): Promise<string> {
    const known = this.views.get(source);
    if (known) return known;
    const opening = (async () => {
      const view = await this.context.views.openLayers(directoriesOf(this.context, source));
      this.stack.defer(() => view.close());
      return view.path;
    })();
    this.views.set(source, opening);
    return opening;
  }

  /** Names by the accounts of the step's root; a number alone is its group's too. */
  private async ownerOf(text: string | undefined): Promise<Owner | undefined> {
    if (text === undefined || text === "") return undefined;
    const [user = "", group] = text.split(":");
    const found = await this.findUser(user);
    return group === undefined ? found : { uid: found.uid, gid: await this.findGroup(group) };
  }

  private async findUser(name: string): Promise<Owner> {
    if (/^\d+$/.test(name)) return { uid: Number(name), gid: Number(name) };
    return await this.context.runtime.findUser(this.overlay(), name);
  }

  private async findGroup(name: string): Promise<number> {
    if (/^\d+$/.test(name)) return Number(name);
    return (await this.context.runtime.findUser(this.overlay(), `0:${name}`)).gid;
  }

  private overlay() {
    const lowerDirs = directoriesOf(this.context, this.run.root).reverse();
    return {
      lowerDirs: [...lowerDirs, this.context.workshop.baseDirectory],
      upperDir: this.draft.upperDir,
      workDir: this.draft.workDir,
    };
  }
}
