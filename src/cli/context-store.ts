import { join } from "node:path";

/** A context: a named daemon. The layout is docker's `contexts/meta/<sha256 of the name>/meta.json`. */
export interface ContextMetadata {
  Name: string;
  Metadata: { Description?: string } & Record<string, unknown>;
  Endpoints: Record<string, { Host?: string; SkipTLSVerify: boolean }>;
}

/** Reads docker's context store:
 * ```
 * contexts/meta/<id>/meta.json           name, description, endpoints
 * contexts/tls/<id>/<endpoint>/*.pem     ca.pem, cert.pem, key.pem
 * ```
 * where `<id>` is the SHA-256 of the name.
 */
export interface ContextStore {
  /** Throws an Error with docker's words when there is no such context. */
  getContext(name: string): Promise<ContextMetadata>;
  listContexts(): Promise<ContextMetadata[]>;
  /** The TLS files of an endpoint by file name. */
  readTlsFiles(name: string, endpoint: string): Promise<Map<string, string>>;
  /** The folder of a context's metadata or TLS files. */
  folder(kind: "meta" | "tls", name: string): string;
}

export function openContextStore(configDir: string): ContextStore {
  const root = join(configDir, "contexts");
  const folder = (kind: "meta" | "tls", name: string) =>
    join(root, kind, new Bun.CryptoHasher("sha256").update(name).digest("hex"));
  return {
    folder,
    async getContext(name) {
      const path = join(folder("meta", name), "meta.json");
      try {
        return await Bun.file(path).json();
      } catch (error) {
        if ((error as { code?: string }).code !== "ENOENT") throw error;
        throw new Error(`context ${JSON.stringify(name)}: context not found: open ${path}: no such file or directory`);
      }
    },
    async listContexts() {
      const found: ContextMetadata[] = [];
      for (const id of await listFolder(join(root, "meta"))) {
        found.push(await Bun.file(join(root, "meta", id, "meta.json")).json());
      }
      return found.sort((a, b) => (a.Name < b.Name ? -1 : 1));
    },
    async readTlsFiles(name, endpoint) {
      const dir = join(folder("tls", name), endpoint);
      const files = new Map<string, string>();
      for (const file of await listFolder(dir)) files.set(file, await Bun.file(join(dir, file)).text());
      return files;
    },
  };
}

/** An absent folder is an empty one. */
async function listFolder(path: string): Promise<string[]> {
  // Loaded only here: few use contexts, and node:fs/promises costs every command half a millisecond.
  const { readdir } = await import("node:fs/promises");
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return [];
    throw error;
  }
}
