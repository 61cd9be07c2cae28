import { NARU_VERSION } from "../lib/version.ts";
import { CliError } from "./cli-error.ts";
import { writeErr, writeOnly } from "./output.ts";

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
    return await answerVersion(program);
  }
  const { dispatch } = await import("./dispatch.ts");
  return dispatch(program, words);
}

/** Without the machinery of commands, which takes longer than the answer. */
async function answerVersion(program: string): Promise<number> {
  try {
    await printVersion(program);
    return 0;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    writeErr(`${error.message}\n`);
    return error.exitCode;
  }
}

/** One line; as docker, in the form that scripts cut to pieces (`Docker version X, build Y`). */
export async function printVersion(program: string): Promise<void> {
  await writeOnly(
    program === "docker" ? `Docker version 28.5.2, build naru-${NARU_VERSION}\n` : `naru version ${NARU_VERSION}\n`,
  );
}
