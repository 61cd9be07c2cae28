/**
 * Tests that assert a requirement of Kubernetes' conformance suite step by step carry its name as their title:
 *
 *     test(conformance("[sig-node] Secrets should patch a secret [Conformance]"), …)
 *
 * so that a run's own report (bun test --reporter=junit) tells which of them passed here.
 */

/** The title of a test. @throws Error for what is no name of the suite */
export function conformance(codename: string): string {
  if (!/^\[sig-[a-z-]+\] .+ \[Conformance\]$/.test(codename)) {
    throw new Error(`not the name of a conformance test: ${codename}`);
  }
  return codename;
}
