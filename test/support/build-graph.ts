/** Build graphs as BuildKit's clients make them: operations by the digests of their bytes, the last one naming the result. */
import { graphOperation, type WireOperation } from "../../src/build/buildkit/graph-messages.ts";
import type { WireDefinition } from "../../src/build/buildkit/messages.ts";
import { digestOf } from "../../src/lib/digest.ts";

type Input = { digest: string; index: number };
type Operation = { [Key in keyof WireOperation]?: unknown };

export class GraphMaker {
  private readonly operations: Uint8Array[] = [];

  /** @returns the operation's first result */
  add(operation: Operation, ...inputs: Input[]): Input {
    const bytes = graphOperation.encode({ ...(operation as Partial<WireOperation>), inputs });
    this.operations.push(bytes);
    return { digest: digestOf(bytes), index: 0 };
  }

  image(name: string): Input {
    return this.add({ source: { identifier: `docker-image://docker.io/library/${name}` } });
  }

  /** A process over the first input; the others are mounted read-only under these places. */
  run(command: string, places: string[], ...inputs: Input[]): Input {
    const root = { input: 0, dest: "/", output: 0 };
    const binds = places.map((dest, index) => ({ input: index + 1, dest, output: -1, readonly: true }));
    const meta = { args: ["/bin/sh", "-c", command], env: ["PATH=/bin"], cwd: "/" };
    return this.add({ exec: { meta, mounts: [root, ...binds] } }, ...inputs);
  }

  definition(...result: Input[]): WireDefinition {
    return { def: [...this.operations, graphOperation.encode({ inputs: result })], metadata: {} };
  }
}
