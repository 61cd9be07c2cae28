/** A certificate authority for one test file, made with openssl: servers' and clients' certificates as PEM files. */
import { mkdir } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { run } from "./daemon.ts";

export interface TestAuthority {
  caPath: string;
  server: { certPath: string; keyPath: string };
  client: { certPath: string; keyPath: string };
}

/** The server's certificate is for localhost, 127.0.0.1 and `more` names and addresses. */
export async function makeAuthority(folder: string, more: readonly string[] = []): Promise<TestAuthority> {
  await mkdir(folder, { recursive: true });
  const at = (name: string) => join(folder, name);
  const openssl = async (...words: string[]) => {
    const result = await run(["openssl", ...words], { cwd: folder });
    if (result.code !== 0) throw new Error(`openssl ${words[0]}: ${result.stderr}`);
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
  );
  const issue = async (name: string, extension: string) => {
    await Bun.write(at(`${name}.ext`), extension);
    await openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
    await openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.crt`, ...authority, "-extfile", `${name}.ext`);
    return { certPath: at(`${name}.crt`), keyPath: at(`${name}.key`) };
  };
  return {
    caPath: at("ca.crt"),
    server: await issue(
      "server",
      `subjectAltName=${["DNS:localhost", "IP:127.0.0.1", ...more.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${name}`)].join()}\n`,
    ),
    client: await issue("client", "extendedKeyUsage=clientAuth\n"),
  };
}
