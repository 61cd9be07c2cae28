import type { Step, StepAction } from "../contract.ts";

/** The steps of a plan while it is made. */
export class StepList {
  readonly all: Step[] = [];
  /** The steps after which a service's containers are there, and after which they are started. */
  private readonly present = new Map<string, string[]>();
  private readonly started = new Map<string, string[]>();

  add(id: string, action: StepAction, needs: readonly string[], reason: string): void {
    this.all.push({ id, action, needs: [...new Set(needs)], reason });
  }

  has(id: string): boolean {
    return this.all.some((step) => step.id === id);
  }

  notePresent(service: string, step: string): void {
    this.present.set(service, [...this.presentBy(service), step]);
  }

  noteStarted(service: string, step: string): void {
    this.started.set(service, [...this.startedBy(service), step]);
  }

  presentBy(service: string): readonly string[] {
    return this.present.get(service) ?? [];
  }

  startedBy(service: string): readonly string[] {
    return this.started.get(service) ?? [];
  }
}
