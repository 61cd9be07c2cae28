/** Paths as instructions write them. */

/** Absolute and without "." and ".."; nothing leads above the root. */
export function cleanAbsolute(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

export function resolveIn(directory: string, path: string): string {
  return cleanAbsolute(path.startsWith("/") ? path : `${directory}/${path}`);
}

/** A destination of COPY: a slash, "." or nothing at the end means a directory and stays a slash. */
export function destinationIn(directory: string, path: string): string {
  const isDirectory = path === "" || path === "." || path.endsWith("/") || path.endsWith("/.");
  const absolute = resolveIn(directory, path);
  return isDirectory && absolute !== "/" ? `${absolute}/` : absolute;
}
