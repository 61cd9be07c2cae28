import { CliError } from "../cli-error.ts";
import { KubeApiError } from "./kube-api.ts";

/** What failed while a command went on with its other objects. */
export class Failures {
  private readonly errors: CliError[] = [];

  /** @throws the error itself when it is a defect, not a failure */
  add(error: unknown): void {
    if (!(error instanceof CliError)) throw error;
    this.errors.push(error);
  }

  /** @throws CliError: a single one as it is, several as lines in the words that they have among others */
  throwIfAny(): void {
    if (this.errors.length === 1) throw this.errors[0]!;
    if (this.errors.length === 0) return;
    const lines = this.errors.map((error) =>
      error instanceof KubeApiError ? error.amongOthers : error.message.replace(/^error: /, ""),
    );
    throw new CliError(lines.join("\n"));
  }
}

/** Does the work for each; what fails does not keep it from being done for the others. @throws CliError as Failures tells it */
export async function onEach<T>(targets: readonly T[], work: (target: T) => Promise<void>): Promise<void> {
  const failures = new Failures();
  for (const target of targets) {
    try {
      await work(target);
    } catch (error) {
      failures.add(error);
    }
  }
  failures.throwIfAny();
}
