import { NaruError } from "../lib/errors.ts";
import type { Positions } from "./document.ts";

/** The places of the documents of a project, in the order in which they are laid over each other; each worked out when it is asked for. */
export type DocumentPlaces = readonly (() => Positions)[];

/** Marks an error with the path (`services.a.ports`) of what is wrong, where its words do not tell. */
export class PathError extends NaruError {
  constructor(
    error: NaruError,
    readonly path: string,
  ) {
    super(error.kind, error.message, { cause: error });
  }
}

/** Does work on a project; what it complains about is told with its file, line and column. */
export function withPlace<T>(places: DocumentPlaces, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw placed(error, places);
  }
}

/** The error with the place of what is wrong, where it is known and not told yet. */
export function placed(error: unknown, places: DocumentPlaces): unknown {
  if (!(error instanceof NaruError) || /\bline \d+/.test(error.message)) return error;
  const path = error instanceof PathError ? error.path : pathIn(error.message);
  const place = path === undefined ? undefined : placeOf(path, places);
  if (place === undefined) return error;
  const { file, line, column } = place;
  return new NaruError(error.kind, `${error.message} (${file}, line ${line}, column ${column})`, { cause: error });
}

/** The path that docker compose's words name: `services.a.ports`, 'services[a].ports[0]' or service "a". */
function pathIn(words: string): string | undefined {
  const inBrackets = /'(\w+)\[([^\]']+)\]([^']*)'/.exec(words);
  if (inBrackets) {
    const [, section, name, rest = ""] = inBrackets;
    return `${section}.${name}${rest.replaceAll(/\[(\d+)\]/g, ".$1")}`;
  }
  const plain = /\b(?:services|networks|volumes|secrets|configs|models)\.[\w-]+(?:\.[\w-]+)*/.exec(words);
  if (plain) return plain[0];
  const service = /\bservice "?([\w.-]+)"? /.exec(words);
  return service ? `services.${service[1]}` : undefined;
}

/** Where the path stands, else what it lies in, in the last document that has it. */
function placeOf(path: string, places: DocumentPlaces) {
  for (let known = path; known.includes("."); known = known.slice(0, known.lastIndexOf("."))) {
    for (const positions of places.toReversed()) {
      const place = positions().get(known);
      if (place) return place;
    }
  }
  return undefined;
}
