import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { readData } from "./data-sources.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { hashedName } from "./hashed-name.ts";

const KEY = ".dockerconfigjson";

export const command = defineKubectlCommand({
  usage:
    "NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string] [--from-file=[key=]source] [options]",
  summary: "Make a secret for pulling from a registry",
  flags: {
    ...CREATE_FLAGS,
    "append-hash": bool("Put a hash of the content behind the name"),
    "docker-email": string("Mail address for the registry"),
    "docker-password": string("Password for the registry"),
    "docker-server": string("The registry", { initial: "https://index.docker.io/v1/" }),
    "docker-username": string("User of the registry"),
    "from-file": strings("A docker config.json, instead of the flags above"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const data =
      flags["from-file"].length > 0 ? await fromFiles(flags["from-file"]) : { [KEY]: base64(fromFlags(flags)) };
    const type = "kubernetes.io/dockerconfigjson";
    const full = flags["append-hash"] ? hashedName(name, { kind: "Secret", data, type }) : name;
    await create(context, flags, { apiVersion: "v1", kind: "Secret", metadata: { name: full }, data, type });
  },
});

const base64 = (content: string | Buffer): string => Buffer.from(content as string).toString("base64");

/** A file without a key of its own is the one that registries' clients read. */
async function fromFiles(sources: readonly string[]): Promise<Record<string, string>> {
  const keyed = sources.map((source) => (source.includes("=") ? source : `${KEY}=${source}`));
  const read = await readData({ "from-file": keyed, "from-literal": [], "from-env-file": [] }, "the secret");
  return Object.fromEntries([...read].map(([key, bytes]) => [key, base64(bytes)]));
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
