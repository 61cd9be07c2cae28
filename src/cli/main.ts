import { NARU_VERSION } from "../lib/version.ts";
import { writeOut } from "./output.ts";

/**
 * Runs one command of the client. `calledAs` is the name of the executable (`docker` makes naru speak as docker,
 * `docker-compose` stands for its command `compose`, and is docker's plugin of that name; `kubectl` for its command `kubectl`), `words` what follows it. Resolves to the exit code.
 */
export async function runClient(calledAs: string, words: string[]): Promise<number> {
  if (calledAs === "docker-compose") {
    const { runAsDockerCompose } = await import("./compose/docker-plugin.ts");
    return runAsDockerCompose(words);
  }
  if (calledAs === "kubectl") {
    const { dispatch } = await import("./dispatch.ts");
    return dispatch("kubectl", ["kubectl", ...words]);
  }
  const program = calledAs === "docker" ? "docker" : "naru";
  if (words.length === 1 && (words[0] === "--version" || words[0] === "-v")) {
    printVersion(program);
    return 0;
  }
  const { dispatch } = await import("./dispatch.ts");
  return dispatch(program, words);
}

/** One line; as docker, in the form that scripts cut to pieces (`Docker version X, build Y`). */
export function printVersion(program: string): void {
  writeOut(
    program === "docker" ? `Docker version 28.5.2, build naru-${NARU_VERSION}\n` : `naru version ${NARU_VERSION}\n`,
  );
}
