/** The programs `docker-credential-NAME` that keep logins elsewhere: in a key ring, a cloud's tool, a password safe. */

interface HelperLogin {
  ServerURL: string;
  Username: string;
  Secret: string;
}

/** What a helper says instead of an error code when it has no login for the server. */
const NOT_FOUND = "credentials not found in native keychain";
/** The user name under which an identity token is kept. */
export const TOKEN_USER = "<token>";

/** A helper that failed; the message is what it printed. */
export class HelperError extends Error {}

export class CredentialHelper {
  private readonly program: string;

  constructor(name: string) {
    this.program = `docker-credential-${name}`;
  }

  /** @throws {HelperError} */
  async store(login: HelperLogin): Promise<void> {
    await this.run("store", JSON.stringify(login), "storing");
  }

  /** undefined when there is no login for this server. @throws {HelperError} */
  async find(serverUrl: string): Promise<HelperLogin | undefined> {
    try {
      return JSON.parse(await this.run("get", serverUrl, "getting"));
    } catch (error) {
      if (error instanceof HelperError && error.message.includes(NOT_FOUND)) return undefined;
      throw error;
    }
  }

  /** @throws {HelperError} */
  async erase(serverUrl: string): Promise<void> {
    await this.run("erase", serverUrl, "erasing");
  }

  /** User names by server. @throws {HelperError} */
  async list(): Promise<Record<string, string>> {
    return JSON.parse((await this.run("list", "unused", "listing")) || "{}");
  }

  private async run(action: string, input: string, doing: string): Promise<string> {
    const failed = (reason: string, output: string) =>
      new HelperError(`error ${doing} credentials - err: ${reason}, out: \`${output.trim()}\``);
    if (Bun.which(this.program) === null) {
      throw failed(`exec: ${JSON.stringify(this.program)}: executable file not found in $PATH`, "");
    }
    const child = Bun.spawn([this.program, action], { stdin: new Blob([input]), stdout: "pipe", stderr: "inherit" });
    const output = await new Response(child.stdout).text();
    const code = await child.exited;
    if (code !== 0) throw failed(`exit status ${code}`, output);
    return output.trim();
  }
}
