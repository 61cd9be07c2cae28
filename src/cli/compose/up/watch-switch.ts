import { errorText } from "../../../lib/errors.ts";
import type { ComposeContext } from "../declaration.ts";

interface WatchParts {
  services: readonly string[];
  /** Ends it for good. */
  signal: AbortSignal;
  tell(line: string): void;
  /** Around work that draws on the screen for itself. */
  whileDrawing<T>(work: () => Promise<T>): Promise<T>;
  /** It was switched on or off. */
  onChange(): void;
}

/** `compose watch` beside `up`, on (`--watch`) or to be switched by a key (`--menu`). */
export class WatchSwitch {
  private current: AbortController | undefined;

  constructor(
    private readonly context: ComposeContext,
    private readonly parts: WatchParts,
  ) {}

  get isOn(): boolean {
    return this.current !== undefined;
  }

  /** Watches until stop(); `onFailure` hears why it could not, or could not go on. */
  start(onFailure: (reason: string, error: unknown) => void): void {
    if (this.current) return;
    const own = new AbortController();
    this.current = own;
    this.parts.onChange();
    this.watch(AbortSignal.any([own.signal, this.parts.signal])).then(
      () => this.note(own),
      (error: unknown) => {
        const wasWished = own.signal.aborted || this.parts.signal.aborted;
        this.note(own);
        if (!wasWished) onFailure(errorText(error), error);
      },
    );
  }

  stop(): void {
    this.current?.abort();
    this.current = undefined;
    this.parts.tell("Watch disabled");
    this.parts.onChange();
  }

  private note(ended: AbortController): void {
    if (this.current !== ended) return;
    this.current = undefined;
    this.parts.onChange();
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const { services, tell, whileDrawing } = this.parts;
    const { startWatching } = await import("../watch/start-watching.ts");
    await startWatching(this.context, { services, prunes: true, quiet: false, tell, whileDrawing }, signal);
  }
}
