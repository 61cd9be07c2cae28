import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "NAME --cert=path/to/cert/file --key=path/to/key/file [options]",
  summary: "Create a TLS secret",
  flags: { ...CREATE_FLAGS, cert: string("File of the certificate (PEM)"), key: string("File of its key (PEM)") },
  async run({ flags, args, context }) {
    const name = oneName(args);
    if (flags.cert === "" || flags.key === "") throw new CliError("error: key and cert must be specified");
    const read = (path: string) =>
      readFile(path).catch((error: Error) => {
        throw new CliError(`error: open ${path}: ${error.message}`);
      });
    const [cert, key] = await Promise.all([read(flags.cert), read(flags.key)]);
    try {
      if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
        throw new Error("private key does not match public key");
    } catch (error) {
      throw new CliError(`error: tls: ${(error as Error).message}`);
    }
    const data = { "tls.crt": cert.toString("base64"), "tls.key": key.toString("base64") };
    await create(context, flags, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name },
      type: "kubernetes.io/tls",
      data,
    });
  },
});
