import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { bool, list, string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { hashedName } from "./hashed-name.ts";

const KEY = ".dockerconfigjson";

export const command = defineKubectlCommand({
  usage:
    "NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string] [--from-file=[key=]source] [options]",
  summary: "Create a secret for use with a registry",
  flags: {
    ...CREATE_FLAGS,
    "append-hash": bool("Put a hash of the content behind the name"),
    "docker-email": string("Mail address for the registry"),
    "docker-password": string("Password for the registry"),
    "docker-server": string("The registry", { initial: "https://index.docker.io/v1/" }),
    "docker-username": string("User of the registry"),
    "from-file": list("A docker config.json, instead of the flags above", { type: "strings" }),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const content = flags["from-file"].length > 0 ? await fromFile(flags["from-file"]) : fromFlags(flags);
    const data = { [KEY]: Buffer.from(content).toString("base64") };
    const type = "kubernetes.io/dockerconfigjson";
    const full = flags["append-hash"] ? hashedName(name, { kind: "Secret", data, type }) : name;
    await create(context, flags, { apiVersion: "v1", kind: "Secret", metadata: { name: full }, data, type });
  },
});

async function fromFile(sources: readonly string[]): Promise<string> {
  const source = sources[0]!;
  const path = source.slice(source.indexOf("=") + 1);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CliError(`error: error reading ${path}: ${(error as Error).message}`);
  }
}

function fromFlags(
  flags: Record<"docker-email" | "docker-password" | "docker-server" | "docker-username", string>,
): string {
  const { "docker-username": username, "docker-password": password, "docker-email": email } = flags;
  const server = flags["docker-server"];
  if (username === "" || password === "" || server === "") {
    throw new CliError(
      "error: either --from-file or the combination of --docker-username, --docker-password and --docker-server is required",
    );
  }
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  return JSON.stringify({ auths: { [server]: { username, password, ...(email === "" ? {} : { email }), auth } } });
}
