import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { hashedName } from "./hashed-name.ts";

export const command = defineKubectlCommand({
  usage: "NAME --cert=path/to/cert/file --key=path/to/key/file [options]",
  summary: "Make a secret of a certificate and its key",
  flags: {
    ...CREATE_FLAGS,
    "append-hash": bool("Put a hash of the content behind the name"),
    cert: string("File of the certificate (PEM)"),
    key: string("File of its key (PEM)"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    if (flags.cert === "" || flags.key === "") throw new CliError("error: key and cert must be specified");
    const read = (path: string) =>
      readFile(path).catch((error: Error) => {
        const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
        const why = isMissing ? `open ${path}: no such file or directory` : error.message;
        throw new CliError(`error: Cannot read file ${path}, ${why}`);
      });
    const [cert, key] = await Promise.all([read(flags.cert), read(flags.key)]);
    const certificate = parsed(flags.cert, "certificate", () => new X509Certificate(cert));
    const privateKey = parsed(flags.key, "private key", () => createPrivateKey(key));
    if (!certificate.checkPrivateKey(privateKey))
      throw new CliError("error: tls: private key does not match public key");
    const data = { "tls.crt": cert.toString("base64"), "tls.key": key.toString("base64") };
    const type = "kubernetes.io/tls";
    const full = flags["append-hash"] ? hashedName(name, { kind: "Secret", data, type }) : name;
    await create(context, flags, { apiVersion: "v1", kind: "Secret", metadata: { name: full }, data, type });
  },
});

/** @param what the file is to hold @throws CliError when it does not */
function parsed<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    // OpenSSL's words tell only its own places.
    throw new CliError(`error: tls: ${path} holds no ${what} in PEM form`);
  }
}
