import { writeErr, writeOut } from "../../output.ts";
import { enterKeyMode } from "../../terminal.ts";

/** A key of the menu; `label` is asked for at each drawing. */
interface MenuKey {
  key: string;
  label(): string;
  press(): void;
}

const CLEAR_LINE = "\r\x1b[2K";

/** The line of keys below what `up --menu` shows. Whatever is written goes above it, as long as it is written through the menu. */
export class KeyMenu {
  private readonly restore: () => void;
  private readonly reader = Bun.stdin.stream().getReader();
  private isOpen = true;
  /** How many pieces of work have the screen for themselves. */
  private hiding = 0;

  private constructor(
    private readonly keys: readonly MenuKey[],
    private readonly hasColors: boolean,
  ) {
    this.restore = enterKeyMode();
    void this.read();
    this.draw();
  }

  /** Takes the keys of the terminal on standard input, until close(). Ctrl-C stays a signal. */
  static open(keys: readonly MenuKey[], hasColors: boolean): KeyMenu {
    return new KeyMenu(keys, hasColors);
  }

  /** Writes text above the menu. */
  write(stream: 1 | 2, text: string): void {
    this.clear();
    if (stream === 1) writeOut(text);
    else writeErr(text);
    this.draw();
  }

  /** Takes the menu away while something draws for itself. */
  async hiddenDuring<T>(work: () => Promise<T>): Promise<T> {
    this.clear();
    this.hiding++;
    try {
      return await work();
    } finally {
      this.hiding--;
      this.draw();
    }
  }

  /** Draws it anew, since a label changed. */
  refresh(): void {
    this.clear();
    this.draw();
  }

  /** Takes the menu away and puts the terminal back. May be called more than once. */
  close(): void {
    if (!this.isOpen) return;
    this.clear();
    this.isOpen = false;
    this.restore();
    void this.reader.cancel().catch(() => {});
  }

  private get isDrawn(): boolean {
    return this.isOpen && this.hiding === 0;
  }

  private clear(): void {
    if (this.isDrawn) writeOut(CLEAR_LINE);
  }

  private draw(): void {
    if (!this.isDrawn) return;
    const [strong, faint, plain] = this.hasColors ? ["\x1b[1;7m", "\x1b[2m", "\x1b[0m"] : ["", "", ""];
    const words = this.keys.map((each) => `${strong}${each.key}${plain} ${faint}${each.label()}${plain}`);
    writeOut(`${CLEAR_LINE}${words.join("   ")}`);
  }

  private async read(): Promise<void> {
    for (;;) {
      const { done, value } = await this.reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || !value || !this.isOpen) return;
      for (const character of new TextDecoder().decode(value)) this.take(character);
    }
  }

  private take(character: string): void {
    // As in a shell: the user sets a mark.
    if (character === "\n" || character === "\r") this.write(1, "\n");
    else this.keys.find(({ key }) => key === character)?.press();
  }
}
