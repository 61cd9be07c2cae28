/** The passphrase of a private key: from the environment, from standard input, or typed. */
import { CliError } from "./cli-error.ts";
import { readHiddenLine } from "./hidden-line.ts";
import { isTerminal } from "./output.ts";

/** Ours first, then cosign's; set and empty means no passphrase. */
const VARIABLES = ["NARU_KEY_PASSPHRASE", "COSIGN_PASSWORD"] as const;

interface PassphraseOptions {
  fromStdin: boolean;
  /** It is typed twice. */
  isNew: boolean;
  /** The key that it is for, where there may be several. */
  name?: string;
}

/** Asked for once, when it is first needed. */
export function keyPassphrase(options: PassphraseOptions): () => Promise<string> {
  let known: Promise<string> | undefined;
  return () => {
    known ??= readPassphrase(options);
    return known;
  };
}

async function readPassphrase({ fromStdin, isNew, name: key }: PassphraseOptions): Promise<string> {
  if (fromStdin) return (await Bun.stdin.text()).replace(/\r?\n$/, "");
  for (const name of VARIABLES) {
    const value = process.env[name];
    if (value !== undefined) return value;
  }
  if (!isTerminal(0)) {
    throw new CliError(
      `the key's passphrase is needed: set ${VARIABLES[0]} (or ${VARIABLES[1]}), give it to --passphrase-stdin, or run this at a terminal`,
    );
  }
  const typed = readHiddenLine(`Passphrase of ${key ?? "the private key"}: `);
  if (isNew && readHiddenLine("Again: ") !== typed) throw new CliError("the passphrases differ; nothing was written");
  return typed;
}
