/** Credentials of a program that the kubeconfig names (client.authentication.k8s.io ExecCredential). */

import { isAbsolute, join } from "node:path";
import { CliError } from "../cli-error.ts";

export interface CredentialProgram {
  readonly command?: string;
  readonly args?: readonly string[] | null;
  readonly env?: readonly { name: string; value: string }[] | null;
  readonly apiVersion?: string;
  readonly installHint?: string;
  readonly provideClusterInfo?: boolean;
  readonly interactiveMode?: string;
}
interface ProgramCredentials {
  readonly token?: string;
  /** PEM */
  readonly clientCertificateData?: string;
  readonly clientKeyData?: string;
}

const VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
const failed = (why: string) => new CliError(`Unable to connect to the server: getting credentials: ${why}`);

/**
 * @param user its name in the kubeconfig, for messages
 * @param folder of the kubeconfig: a program's path is taken from there
 * @param cluster what the program is told of the cluster when it wants to know
 * @param check refuses programs that may not run
 * @throws CliError when the program cannot be asked, or answers with no credentials
 */
export async function programCredentials(
  program: CredentialProgram,
  user: string,
  folder: string,
  cluster: object,
  check: (name: string, path: string) => void,
): Promise<ProgramCredentials> {
  const { apiVersion = "", interactiveMode = "" } = program;
  if (!program.command)
    throw new CliError(`error: command must be specified for ${user} to use exec authentication plugin`);
  if (apiVersion === "")
    throw new CliError(`error: apiVersion must be specified for ${user} to use exec authentication plugin`);
  if (!VERSIONS.includes(apiVersion))
    throw new CliError(`error: exec plugin: invalid apiVersion ${JSON.stringify(apiVersion)}`);
  if (interactiveMode === "" && apiVersion === VERSIONS[0])
    throw new CliError(`error: interactiveMode must be specified for ${user} to use exec authentication plugin`);
  const hasTerminal = process.stdin.isTTY === true;
  if (interactiveMode === "Always" && !hasTerminal)
    throw failed("exec plugin cannot support interactive mode: standard input is not a terminal");
  const name = program.command;
  const path = name.includes("/") && !isAbsolute(name) ? join(folder, name) : name;
  check(name, Bun.which(path) ?? path);
  const text = await output(program, path, {
    apiVersion,
    kind: "ExecCredential",
    spec: {
      interactive: hasTerminal && interactiveMode !== "Never",
      ...(program.provideClusterInfo ? { cluster } : {}),
    },
  });
  return credentialsIn(text, apiVersion);
}

async function output(program: CredentialProgram, command: string, info: object): Promise<string> {
  const { args, env, installHint = "" } = program;
  const added = Object.fromEntries((env ?? []).map((one) => [one.name, one.value]));
  let child: Bun.Subprocess<"inherit", "pipe", "inherit">;
  try {
    child = Bun.spawn([command, ...(args ?? [])], {
      env: { ...process.env, ...added, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      stdin: "inherit",
      stdout: "pipe",
      stderr: "inherit",
    });
  } catch {
    const hint = installHint === "" ? "" : `\n\n${installHint}`;
    throw failed(
      `exec: executable ${command} not found: install the program that the kubeconfig names for credentials, or name another one there${hint}`,
    );
  }
  const text = await new Response(child.stdout).text();
  const code = await child.exited;
  if (code !== 0) throw failed(`exec: executable ${command} failed with exit code ${code}`);
  return text;
}

function credentialsIn(text: string, apiVersion: string): ProgramCredentials {
  let answer: { apiVersion?: string; kind?: string; status?: ProgramCredentials };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch (error) {
    throw failed(`decoding stdout: couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
  if (answer.apiVersion !== apiVersion) {
    throw failed(
      `exec plugin is configured to use API version ${apiVersion}, plugin returned version ${answer.apiVersion ?? ""}`,
    );
  }
  const { status } = answer;
  if (status === undefined) throw failed("exec plugin didn't return a status field");
  if (!status.token && !status.clientCertificateData && !status.clientKeyData)
    throw failed("exec plugin didn't return a token or cert/key pair");
  if (!status.clientCertificateData !== !status.clientKeyData)
    throw failed("exec plugin returned only certificate or key, not both");
  return status;
}
