/**
 * The error that a promise rejects with. Bun's `expect(promise).rejects` spins the event loop in a way that can miss a
 * worker thread's messages, so tests of code with workers await first and compare afterwards.
 */
export async function failureOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected a failure, but it succeeded");
}
