import { CliError } from "./cli-error.ts";
import { defaultConfigDir } from "./config-file.ts";
import { certificatePath } from "./endpoint.ts";
import { bool, custom, string } from "./flag-types.ts";
import { parseFlags } from "./flags.ts";

/** The flags before the command. */
export interface GlobalOptions {
  configDir: string;
  context: string;
  hosts: string[];
  debug: boolean;
  tls: boolean;
  tlsVerify: boolean;
  tlsCaCert: string;
  tlsCert: string;
  tlsKey: string;
  /** The TLS files that were given by flags, and so must exist. */
  givenTlsFiles: readonly string[];
}

const LOG_LEVELS = ["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];

/** The declarations of the flags before the command; the help screen shows the paths in force. */
export function globalFlags(configDir: string) {
  const file = (name: string) => certificatePath(configDir, name);
  return {
    config: string("Folder of the client's settings", { initial: configDir }),
    context: string(
      "Context that says which daemon to talk to; goes before DOCKER_HOST and before what 'context use' chose",
      { short: "c" },
    ),
    debug: bool("Tell more about what goes wrong", { short: "D" }),
    host: custom<string[]>("string", "Socket of the daemon to talk to", () => [], addHost, { short: "H" }),
    "log-level": string('How much to tell ("debug", "info", "warn", "error", "fatal")', {
      short: "l",
      initial: "info",
    }),
    tls: bool("Use TLS; comes with --tlsverify"),
    tlscacert: string("Trust only certificates of this authority", { initial: file("ca.pem") }),
    tlscert: string("File with the client's certificate", { initial: file("cert.pem") }),
    tlskey: string("File with the client's key", { initial: file("key.pem") }),
    tlsverify: bool("Use TLS and check the other side", {
      initial: Boolean(process.env.DOCKER_TLS_VERIFY),
      defaultText: "",
    }),
    version: bool("Print the version", { short: "v" }),
  };
}

function addHost(text: string, current: string[]): string[] {
  if (current.length > 0) throw new Error("specify only one -H");
  return [text];
}

/** What stands before the command, and the words from the command on. */
export interface GlobalWords {
  options: GlobalOptions;
  words: string[];
  versionAsked: boolean;
  helpAsked: boolean;
  /** Lines for stderr. */
  warnings: string[];
}

/** Splits the words of the command line at the command. Throws CliError for bad flags. */
export function parseGlobalWords(words: readonly string[]): GlobalWords {
  const flags = globalFlags(defaultConfigDir());
  const parsed = parseFlags(flags, words, { interspersed: false });
  const { values, changed } = parsed;
  if (!LOG_LEVELS.includes(values["log-level"].toLowerCase())) {
    throw new CliError(`Unable to parse logging level: ${values["log-level"]}`);
  }
  const configDir = values.config;
  const certificate = (flag: "tlscacert" | "tlscert" | "tlskey", name: string) =>
    changed.has(flag) ? values[flag] : certificatePath(configDir, name);
  const options: GlobalOptions = {
    configDir,
    context: values.context,
    hosts: values.host,
    debug: values.debug,
    tls: values.tls || Boolean(process.env.DOCKER_TLS),
    tlsVerify: values.tlsverify,
    tlsCaCert: certificate("tlscacert", "ca.pem"),
    tlsCert: certificate("tlscert", "cert.pem"),
    tlsKey: certificate("tlskey", "key.pem"),
    givenTlsFiles: (["tlscacert", "tlscert", "tlskey"] as const)
      .filter((flag) => changed.has(flag))
      .map((flag) => values[flag]),
  };
  return {
    options,
    words: parsed.args,
    versionAsked: values.version,
    helpAsked: parsed.helpAsked,
    warnings: parsed.warnings,
  };
}
