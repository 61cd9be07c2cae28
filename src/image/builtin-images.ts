/** The images that naru brings along: hello-world, made of the program that is embedded in the executable. */
import { readFile } from "node:fs/promises";
import type { ImageStore } from "./contract.ts";
import { encodeHeader, padding, type TarEntry } from "./tar-header.ts";

const NAME = "hello-world:latest";
/** The same program always gives the same layer. */
const MADE_AT = { seconds: 0, nanoseconds: 0 };

/**
 * The image hello-world; made when it is missing. `binaryPath` is a static program that greets when it is called "hello".
 */
export async function ensureHelloWorld(
  images: ImageStore,
  binaryPath: string,
): Promise<{ id: string; created: boolean }> {
  const known = images.findImage(NAME);
  if (known) return { id: known.id, created: false };
  const program = await readFile(binaryPath);
  const { id } = await images.importTar(programTar("hello", program), {
    reference: NAME,
    message: "Built into naru",
    changes: ['CMD ["/hello"]', "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  });
  return { id, created: true };
}

async function* programTar(path: string, program: Buffer): AsyncGenerator<Uint8Array> {
  const entry: TarEntry = {
    type: "file",
    path,
    linkPath: "",
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: program.length,
    modifiedAt: MADE_AT,
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
  yield encodeHeader(entry);
  yield program;
  yield padding(program.length);
  yield Buffer.alloc(1024);
}
