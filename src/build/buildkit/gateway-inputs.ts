/** Graphs that clients send: what is to be built, and results or graphs that a Dockerfile has as contexts. */
import { NaruError } from "../../lib/errors.ts";
import type { SolveWish } from "./build-solve.ts";
import type { GatewayBuild, GatewayBuilds, GatewayWish } from "./gateway-builds.ts";
import type { WireDefinition } from "./messages.ts";
import { resultIdOf } from "./result-definition.ts";

/** Undefined when the client sent none. */
export function graphOf(
  { Definition: definition }: { Definition?: WireDefinition },
  builds: GatewayBuilds,
): GatewayWish["graph"] {
  return definition && definition.def.length > 0 ? graphWish(definition, builds) : undefined;
}

/**
 * Results and graphs by name. `wishOf` makes a graph of the client's a wish of its own; `build` is the one that they are for:
 * clients whose results it takes stay until it is over. @throws {NaruError} not-found
 */
export function inputsOf(
  { FrontendInputs }: { FrontendInputs: Record<string, WireDefinition> },
  wishOf: (wish: GatewayWish) => SolveWish,
  builds: GatewayBuilds,
  build?: GatewayBuild,
): Map<string, SolveWish> {
  const inputs = new Map<string, SolveWish>();
  for (const [name, definition] of Object.entries(FrontendInputs)) {
    const id = resultIdOf(definition);
    if (id === undefined) {
      const graph = graphWish(definition, builds);
      inputs.set(name, wishOf({ attributes: {}, cacheImports: [], inputs: new Map(), graph }));
      continue;
    }
    const other = builds.result(id);
    if (!other) {
      throw new NaruError("not-found", `the build whose result is the context ${name} is over: build both at once`);
    }
    if (build && other.build !== build) build.atEnd(other.build.hold());
    inputs.set(name, other.build.wishOf(other.wish));
  }
  return inputs;
}

function graphWish(definition: WireDefinition, builds: GatewayBuilds): NonNullable<GatewayWish["graph"]> {
  return {
    definition,
    imageConfig: undefined,
    findResult(id) {
      const other = builds.result(id);
      if (!other) throw new NaruError("not-found", `the build whose result the graph names is over: ${id}`);
      return other.build.wishOf(other.wish);
    },
  };
}
