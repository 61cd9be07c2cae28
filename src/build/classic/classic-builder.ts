/** The classic builder's way in: parameters and a tar in, docker's progress lines out. */
import { join } from "node:path";
import type { ContainerFiles, ProgressLine } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { canonicalReference, familiarName, parseReference } from "../../lib/image-reference.ts";
import { type BuildEvent, type Builder, BuildFailure } from "../contract.ts";
import { ClassicOutput } from "./classic-output.ts";
import { type ClassicOptions, classicRequest } from "./classic-request.ts";
import { type FetchedContext, fetchContext } from "./remote-context.ts";
import { arrivedContext, spoolContext } from "./spooled-context.ts";

export interface ClassicBuilder {
  /**
   * Builds; the lines are those of docker's progress stream. A failure before the first line is thrown, a later one is the
   * stream's last line.
   */
  build(options: ClassicOptions, body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<ProgressLine>;
}

interface ClassicParts {
  builder: Builder;
  files: ContainerFiles;
  dataRoot: string;
  execRoot: string;
  /** Names this daemon among several. */
  instance: string;
}

export function createClassicBuilder(parts: ClassicParts): ClassicBuilder {
  return { build: (options, body, signal) => build(parts, options, body, signal) };
}

/** Pieces of output that may wait for a slow client; then the processes wait. */
const MAX_WAITING_LINES = 1000;
const NO_IMAGE = "the build made no image";

async function* build(
  { builder, files, dataRoot, execRoot, instance }: ClassicParts,
  options: ClassicOptions,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<ProgressLine, void> {
  const tags = options.tags.map((name) => canonicalReference(parseReference(name)));
  const context = await bringContext({ files, dataRoot, execRoot, instance }, options, body, signal);
  try {
    const request = classicRequest(options, context.arrived);
    const lines = new LineQueue();
    const output = new ClassicOutput((line) => lines.push(line));
    const onEvent = (event: BuildEvent) => {
      output.take(event);
      return lines.room();
    };
    const work = builder.build(request, onEvent, signal).then(
      ({ imageId = "" }) => {
        output.finish(imageId);
        lines.end(imageId);
      },
      (error) => lines.fail(error),
    );
    yield* options.isQuiet ? quietLines(lines) : lines.read();
    await work;
    const id = lines.imageId;
    if (id === "") throw new NaruError("internal", NO_IMAGE);
    if (options.isQuiet) {
      yield { stream: `${id}\n` };
      return;
    }
    yield { aux: { ID: id } };
    yield { stream: `Successfully built ${id.replace(/^sha256:/, "").slice(0, 12)}\n` };
    for (const tag of tags) yield { stream: `Successfully tagged ${familiarName(tag)}\n` };
  } finally {
    await context.remove();
  }
}

async function bringContext(
  { files, dataRoot, execRoot, instance }: Omit<ClassicParts, "builder">,
  { remote, dockerfile }: ClassicOptions,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<FetchedContext> {
  const contextsDirectory = join(dataRoot, "builder/contexts");
  if (remote !== "")
    return await fetchContext({ files, contextsDirectory, execRoot, instance }, { remote, dockerfile }, signal);
  const { directory, remove } = await spoolContext(files, contextsDirectory, body, signal);
  try {
    return { arrived: await arrivedContext(directory, dockerfile), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Nothing of a build that goes well, everything of one that fails. */
async function* quietLines(lines: LineQueue): AsyncGenerator<ProgressLine, void> {
  const kept: ProgressLine[] = [];
  for await (const line of lines.read()) {
    if ("errorDetail" in line) yield* kept.splice(0);
    kept.push(line);
    if ("errorDetail" in line) yield line;
  }
}

/** Lines on their way to the client. */
class LineQueue {
  imageId = "";
  private readonly lines: ProgressLine[] = [];
  private ended = false;
  private error: unknown;
  private hasLines = false;
  private wake: (() => void) | undefined;
  private readonly waiting: (() => void)[] = [];

  /** Undefined while the client keeps up. */
  room(): Promise<void> | undefined {
    if (this.lines.length < MAX_WAITING_LINES) return undefined;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  push(line: ProgressLine): void {
    this.hasLines = true;
    this.lines.push(line);
    this.wake?.();
  }

  end(imageId: string): void {
    this.imageId = imageId;
    this.ended = true;
    this.wake?.();
  }

  fail(error: unknown): void {
    this.error = error;
    this.ended = true;
    this.wake?.();
  }

  async *read(): AsyncGenerator<ProgressLine, void> {
    yield* this.readLines();
    if (this.error === undefined) return;
    if (!this.hasLines) throw classicFailure(this.error);
    yield failureLine(this.error);
  }

  private async *readLines(): AsyncGenerator<ProgressLine, void> {
    for (;;) {
      const line = this.lines.shift();
      if (line) {
        if (this.lines.length < MAX_WAITING_LINES / 2) for (const go of this.waiting.splice(0)) go();
        yield line;
      } else if (this.ended) break;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}

function classicFailure(error: unknown): unknown {
  if (!(error instanceof BuildFailure)) return error;
  return new NaruError(error.kind, classicWords(error).message, { cause: error });
}

function failureLine(error: unknown): ProgressLine {
  const { message, code } = classicWords(error);
  return { errorDetail: { ...(code === undefined ? {} : { code }), message }, error: message };
}

/** BuildKit's words, which the builder uses, in those of the classic builder. */
function classicWords(error: unknown): { message: string; code?: number } {
  const message = errorText(error);
  const exit = /^process "((?:[^"\\]|\\.)*)" did not complete successfully: exit code: (\d+)/.exec(message);
  if (exit) {
    const [, command = "", code] = exit;
    const words = `The command '${JSON.parse(`"${command}"`)}' returned a non-zero code: ${code}`;
    return { message: words, code: Number(code) };
  }
  const missing = /^failed to compute cache key: .*"\/(.*)": not found$/.exec(message);
  if (missing && error instanceof BuildFailure) {
    const word = instructionOf(error);
    const path = missing[1];
    return {
      message: `${word} failed: file not found in build context or excluded by .dockerignore: stat ${path}: file does not exist`,
    };
  }
  return { message };
}

function instructionOf({ place }: BuildFailure): string {
  const line = place?.ranges[0]?.start.line;
  if (place === undefined || line === undefined) return "COPY";
  const text = Buffer.from(place.text).toString("utf8").split("\n")[line - 1] ?? "";
  return /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? "COPY";
}
