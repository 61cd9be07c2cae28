import { CliError } from "../cli-error.ts";
import { bool, list, string, strings } from "../flag-types.ts";
import { certificateMembers } from "./config-certificates.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { HelpError } from "./help-error.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { isMembers, type Members, withEntry } from "./kubeconfig/model.ts";

const FLAGS = {
  "auth-provider": string("The auth provider"),
  "auth-provider-arg": strings("key=value for the auth provider; key- takes one away"),
  "client-certificate": string("File of the client certificate"),
  "client-key": string("File of the client's key"),
  "embed-certs": bool("Take the files' content into the kubeconfig"),
  "exec-api-version": string("Version of the API that the credential program speaks"),
  "exec-arg": strings("Words of the credential program"),
  "exec-command": string("Program that prints credentials"),
  "exec-env": list("NAME=value for the credential program; NAME- takes one away", { type: "stringArray" }),
  "exec-interactive-mode": string("Whether the credential program may ask: IfAvailable, Never, Always"),
  "exec-provide-cluster-info": bool("Tell the credential program of the cluster"),
  password: string("The password"),
  token: string("The bearer token"),
  username: string("The user's name"),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };
type Given = (flag: keyof Flags) => boolean;

export const command = defineKubectlCommand({
  usage:
    "NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] [--token=bearer_token] [--username=basic_user] [--password=basic_password] [--auth-provider=provider_name] [--auth-provider-arg=key=value] [--exec-command=exec_command] [--exec-api-version=exec_api_version] [--exec-arg=arg] [--exec-env=key=value] [options]",
  summary: "Add or change a user's entry",
  flags: FLAGS,
  async run({ flags, args, context, given }) {
    if (args.length !== 1) throw new HelpError(`error: unexpected args: [${args.join(" ")}]`);
    const name = args[0]!;
    checkFlags(name, flags);
    const [set, taken] = pairs(flags["auth-provider-arg"], "auth-provider-arg");
    const env = pairs(flags["exec-env"], "exec-env");
    const files: Members = {};
    for (const field of ["client-certificate", "client-key"] as const) {
      if (given(field)) Object.assign(files, await certificateMembers(field, flags[field], flags["embed-certs"]));
    }
    await new KubeconfigFiles(context.kubeconfig.path).change((config) => {
      const known = config.users.get(name);
      const value: Members = { ...known?.value, ...files, ...plainMembers(flags, given) };
      if (given("auth-provider")) value["auth-provider"] = provider(value["auth-provider"], flags, set, taken);
      const exec = execMembers(value.exec, flags, given, env);
      if (exec !== undefined) value.exec = exec;
      return withEntry(config, "users", name, { origin: "", ...known, value });
    });
    context.print(`User ${JSON.stringify(name)} set.\n`);
  },
});

function checkFlags(name: string, flags: Flags): void {
  if (name === "") throw new CliError("error: you must specify a non-empty user name");
  const methods = [
    ...(flags.token === "" ? [] : ["--token"]),
    ...(flags.username === "" && flags.password === "" ? [] : ["--username/--password"]),
  ];
  if (methods.length > 1) {
    throw new CliError(
      `error: you cannot specify more than one authentication method at the same time: ${methods.join(", ")}`,
    );
  }
  if (flags["embed-certs"] && flags["client-certificate"] === "" && flags["client-key"] === "")
    throw new CliError("error: you must specify a --client-certificate or --client-key to embed");
  if (!["", "IfAvailable", "Never", "Always"].includes(flags["exec-interactive-mode"]))
    throw new CliError("error: invalid interactive mode type, can be only IfAvailable, Never, Always");
}

/** "a=b" sets, "a-" takes away. @throws HelpError */
function pairs(texts: readonly string[], flag: string): [Map<string, string>, string[]] {
  const set = new Map<string, string>();
  const taken: string[] = [];
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals > 0) set.set(text.slice(0, equals), text.slice(equals + 1));
    else if (text.endsWith("-")) taken.push(text.slice(0, -1));
    else throw new HelpError(`error: invalid ${flag} format: ${text}`);
  }
  return [set, taken];
}

/** A token and a name with its password exclude each other: what is set takes the other away. */
function plainMembers(flags: Flags, given: Given): Members {
  const members: Members = {};
  if (given("token")) members.token = flags.token;
  if (flags.token !== "") Object.assign(members, { username: undefined, password: undefined });
  if (given("username")) members.username = flags.username;
  if (given("password")) members.password = flags.password;
  if (flags.username !== "" || flags.password !== "") Object.assign(members, { token: undefined });
  return members;
}

function provider(known: unknown, flags: Flags, set: ReadonlyMap<string, string>, taken: readonly string[]): Members {
  const name = flags["auth-provider"];
  const before = isMembers(known) && known.name === name && isMembers(known.config) ? known.config : {};
  const config = { ...before, ...Object.fromEntries(set) };
  for (const key of taken) delete config[key];
  return { name, config };
}

interface ExecVariable {
  readonly name: string;
  readonly value: string;
}

/** Undefined when there is no credential program, known or named. */
function execMembers(
  known: unknown,
  flags: Flags,
  given: Given,
  [set, taken]: [ReadonlyMap<string, string>, readonly string[]],
): Members | undefined {
  if (!isMembers(known) && !given("exec-command")) return undefined;
  const exec: Members = {
    command: "",
    args: null,
    env: null,
    provideClusterInfo: false,
    ...(isMembers(known) ? known : {}),
  };
  if (given("exec-command")) exec.command = flags["exec-command"];
  if (given("exec-api-version")) exec.apiVersion = flags["exec-api-version"];
  if (given("exec-arg")) exec.args = flags["exec-arg"];
  if (given("exec-interactive-mode")) exec.interactiveMode = flags["exec-interactive-mode"];
  if (given("exec-provide-cluster-info")) exec.provideClusterInfo = flags["exec-provide-cluster-info"];
  if (set.size + taken.length > 0) {
    const before = (Array.isArray(exec.env) ? exec.env : []) as ExecVariable[];
    const kept = before
      .filter(({ name }) => !taken.includes(name))
      .map((one) => (set.has(one.name) ? { ...one, value: set.get(one.name)! } : one));
    const added = [...set].filter(([name]) => !before.some((one) => one.name === name));
    exec.env = [...kept, ...added.map(([name, value]) => ({ name, value }))];
  }
  return exec;
}
