import { CliError } from "../cli-error.ts";
import { ApiError, UnreachableError } from "../client.ts";
import { type CommandContext, defineCommand, maxArgs } from "../command.ts";
import { readLine } from "../confirm.ts";
import { findLogin, HUB_KEY, type Login, serverHost, storeLogin } from "../credential-store.ts";
import { bool, string } from "../flag-types.ts";
import { readHiddenLine } from "../hidden-line.ts";
import { isTerminal } from "../output.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVER]",
  summary: "Log in to a registry",
  description:
    "Check a login with a registry and keep it for later.\nThe registry is Docker Hub when no server is named.",
  args: maxArgs(1),
  flags: {
    password: string("Password or access token", { short: "p" }),
    "password-stdin": bool("Read the password or access token from standard input"),
    username: string("Name of the user", { short: "u" }),
  },
  async run({ flags, args: [server], given, context }) {
    if (flags.password !== "" && flags["password-stdin"]) {
      throw new CliError("conflicting options: cannot specify both --password and --password-stdin");
    }
    if (given("username") && flags.username === "") throw new CliError("username is empty");
    if (given("password") && flags.password === "") throw new CliError("password is empty");
    if (flags["password-stdin"] && flags.username === "") {
      throw new CliError("the --password-stdin option requires --username to be set");
    }
    if (flags.password !== "") {
      context.printError("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    }
    const address = serverAddress(server);
    const password = flags["password-stdin"] ? await passwordFromInput() : flags.password;
    const isBare = flags.username === "" && password === "";
    if (isBare && (await logInAgain(context, address))) return;
    await logIn(context, address, await askForRest(context, address, flags.username, password));
  },
});

/** How a registry is called in the configuration: its host, or Docker Hub's key. */
export function serverAddress(server: string | undefined): string {
  if (server === undefined || server === "" || server === "docker.io") return HUB_KEY;
  const host = serverHost(server);
  return host === "index.docker.io" ? HUB_KEY : host;
}

async function passwordFromInput(): Promise<string> {
  return (await Bun.stdin.text()).replace(/\n$/, "").replace(/\r$/, "");
}

/** With the login that is kept; false when there is none or the registry does not take it any more. */
async function logInAgain(context: CommandContext, server: string): Promise<boolean> {
  const known = await findLogin(await context.config(), server);
  if (known === undefined) return false;
  context.printError(`Authenticating with existing credentials... [Username: ${known.username}]\n`);
  context.printError(`\n Info -> To log in as somebody else, run '${context.program} logout' first\n\n\n`);
  try {
    await logIn(context, server, known);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const isRefused = error.status === 401;
    context.printError(
      isRefused ? "Stored credentials invalid or expired\n" : `Login did not succeed, error: ${error.message}\n`,
    );
    return false;
  }
}

/** Asks at the terminal for what the flags leave open. */
async function askForRest(context: CommandContext, server: string, username: string, password: string): Promise<Login> {
  if (username !== "" && password !== "") return { username, password };
  if (!isTerminal(0)) throw new CliError("Error: Cannot perform an interactive login from a non TTY device");
  if (server === HUB_KEY && username === "") {
    context.print("Log in with your Docker ID or email address to push and pull images from Docker Hub.\n");
  }
  let name = username;
  if (name === "") {
    context.print("Username: ");
    name = (readLine() ?? "").trim();
  }
  if (name === "") throw new CliError("Error: Non-null Username Required");
  const secret = password === "" ? readHiddenLine("Password: ") : password;
  if (secret === "") throw new CliError("Error: Password Required");
  return { username: name, password: secret };
}

/** The daemon asks the registry, since it is the one that will pull; without a daemon we ask ourselves. */
async function checkLogin(context: CommandContext, server: string, login: Login): Promise<AuthAnswer> {
  const { username, password, identityToken } = login;
  try {
    return await (await context.client()).post<AuthAnswer>("/auth", {
      json: { username, password, serveraddress: server, ...(identityToken && { identitytoken: identityToken }) },
    });
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    const { openClient } = await import("../registry-access.ts");
    return openClient(context, undefined).checkCredentials({ ...login, serverAddress: server });
  }
}

interface AuthAnswer {
  Status?: string;
  IdentityToken?: string;
}

async function logIn(context: CommandContext, server: string, login: Login): Promise<void> {
  const answer = await checkLogin(context, server, login);
  const granted = answer.IdentityToken || undefined;
  const kept = granted ? { username: login.username, password: "", identityToken: granted } : login;
  let isPlain: boolean;
  try {
    isPlain = await storeLogin(context.configDir, server, kept);
  } catch (error) {
    throw new CliError(`Error saving credentials: ${(error as Error).message}`);
  }
  if (isPlain) {
    context.printError(
      `\nWARNING! The login is kept unencrypted in '${context.configDir}/config.json'.\n` +
        "A credential helper, named there as credsStore, keeps it safely and ends this warning.\n\n",
    );
  }
  context.print(`${answer.Status || "Login Succeeded"}\n`);
}
