/**
 * A build's events in the words of docker's classic builder: instruction after instruction, whatever order they were done in.
 * What a later step says is kept until its turn.
 */
import type { ProgressLine } from "../../image/contract.ts";
import type { Digest } from "../../model/image.ts";
import type { BuildEvent, BuildStep } from "../contract.ts";

const RED = "\u001b[91m";
const PLAIN = "\u001b[0m";
const ID_LENGTH = 12;

interface Shown {
  step: BuildStep | undefined;
  lines: ProgressLine[];
  containerId?: string;
}

export class ClassicOutput {
  private instructions: { text: string; step?: Digest }[] = [];
  private readonly shown = new Map<Digest, Shown>();
  private next = 0;
  private isAnnounced = false;
  /** Of the state after the last instruction told; stands for the image that docker would make there. */
  private stateId = "";

  constructor(private readonly write: (line: ProgressLine) => void) {}

  take(event: BuildEvent): void {
    switch (event.type) {
      case "instructions":
        this.instructions = event.list;
        break;
      case "step":
        this.of(event.step.digest).step = event.step;
        break;
      case "running":
        this.running(event.step, event.containerId);
        break;
      case "log":
        this.say(event.step, { stream: colored(event.stream, Buffer.from(event.data).toString("utf8")) });
        break;
      case "warning":
        break;
      case "progress":
        this.progress(event);
        break;
    }
    this.advance(false);
  }

  /** All instructions are done; the last one's id is the image's. */
  finish(imageId: string): void {
    this.advance(true, imageId);
  }

  /** Layers of a pull, which come before the first instruction is told. */
  private progress({ id, name, current, total }: BuildEvent & { type: "progress" }): void {
    if (this.instructions.length > 0 || !/^[0-9a-f]{12}$/.test(id)) return;
    const status = name.slice(0, 1).toUpperCase() + name.slice(1);
    this.write({ status, progressDetail: total > 0 ? { current, total } : {}, id });
  }

  private of(step: Digest): Shown {
    const known = this.shown.get(step);
    if (known) return known;
    const fresh: Shown = { step: undefined, lines: [] };
    this.shown.set(step, fresh);
    return fresh;
  }

  private running(step: Digest, containerId: string): void {
    this.of(step).containerId = containerId;
    this.say(step, { stream: ` ---> Running in ${containerId.slice(0, ID_LENGTH)}\n` });
  }

  private say(step: Digest, line: ProgressLine): void {
    if (this.isAnnounced && this.instructions[this.next]?.step === step) this.write(line);
    else this.of(step).lines.push(line);
  }

  /** Tells what is done, in order. The last instruction waits for the image. */
  private advance(isFinished: boolean, imageId?: string): void {
    for (; this.next < this.instructions.length; this.next += 1) {
      const instruction = this.instructions[this.next]!;
      const shown = instruction.step === undefined ? undefined : this.of(instruction.step);
      this.announce(instruction, shown);
      const isLast = this.next === this.instructions.length - 1;
      if (!isFinished && (isLast || (shown && shown.step?.completedAt === undefined))) return;
      if (shown?.step?.error !== undefined) return;
      this.conclude(instruction, shown, isLast ? imageId : undefined);
    }
  }

  private announce({ text }: { text: string }, shown: Shown | undefined): void {
    if (this.isAnnounced) return;
    this.isAnnounced = true;
    this.write({ stream: `Step ${this.next + 1}/${this.instructions.length} : ${text}` });
    this.write({ stream: "\n" });
    for (const line of shown?.lines.splice(0) ?? []) this.write(line);
  }

  private conclude(
    { text, step }: { text: string; step?: Digest },
    shown: Shown | undefined,
    imageId: string | undefined,
  ): void {
    const isBase = /^from\s/i.test(text);
    if (shown?.step?.cached && !isBase) this.write({ stream: " ---> Using cache\n" });
    if (shown?.containerId)
      this.write({ stream: ` ---> Removed intermediate container ${shown.containerId.slice(0, ID_LENGTH)}\n` });
    const own = new Bun.CryptoHasher("sha256")
      .update(`${isBase ? "" : this.stateId} ${step ?? ""} ${text}`)
      .digest("hex");
    this.stateId = imageId?.replace(/^sha256:/, "") ?? own;
    this.write({ stream: ` ---> ${this.stateId.slice(0, ID_LENGTH)}\n` });
    this.isAnnounced = false;
  }
}

function colored(stream: "stdout" | "stderr", text: string): string {
  return stream === "stderr" ? `${RED}${text}${PLAIN}` : text;
}
