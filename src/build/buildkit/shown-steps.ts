/** What happens before the graph's steps run, shown to the client as steps of their own: the Dockerfile, ignore files, fetched contexts. */

import { errorText } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import type { BuildEvent, BuildStep } from "../contract.ts";
import { nowMs } from "../solver/build-run.ts";
import { digestOf } from "../solver/cache-key.ts";

export class ShownSteps {
  constructor(private readonly take: (event: BuildEvent) => void) {}

  /** Runs `work` as a step; `tell` adds to its output. */
  async showing<Result>(name: string, work: (tell: (text: string) => void) => Promise<Result>): Promise<Result> {
    const step = this.begin(name);
    const tell = (text: string) =>
      this.take({ type: "log", step: step.digest, stream: "stderr", data: Buffer.from(text), at: nowMs() });
    return await this.ending(step, () => work(tell));
  }

  /** Runs a transfer as a step that tells its bytes: "transferring dockerfile: 56B". */
  async transferring<Result>(
    name: string,
    what: string,
    work: (tell: (bytes: number) => void) => Promise<Result>,
  ): Promise<Result> {
    const step = this.begin(name);
    let bytes = 0;
    return await this.ending(step, async () => {
      const result = await work((current) => {
        bytes = current;
        this.progress(step, what, bytes);
      });
      this.progress(step, what, bytes, nowMs());
      return result;
    });
  }

  private begin(name: string): BuildStep {
    const step = { digest: digestOf("shown", name), name, inputs: [], cached: false, startedAt: nowMs() };
    this.take({ type: "step", step });
    return step;
  }

  private async ending<Result>(step: BuildStep, work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await work();
      this.take({ type: "step", step: { ...step, completedAt: nowMs() } });
      return result;
    } catch (error) {
      this.take({ type: "step", step: { ...step, completedAt: nowMs(), error: errorText(error) } });
      throw error;
    }
  }

  private progress({ digest, startedAt }: BuildStep, what: string, current: number, completedAt?: number): void {
    const times = { startedAt: startedAt!, ...(completedAt === undefined ? {} : { completedAt }) };
    const step: Digest = digest;
    this.take({
      type: "progress",
      step,
      id: `transferring ${what}:`,
      name: "transferring",
      current,
      total: 0,
      ...times,
    });
  }
}
