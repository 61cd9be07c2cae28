/**
 * The address of a worker thread's file. In the built executable workers are extra entry points, which Bun names by
 * their path below src/; when run from source the file in the project is meant.
 */
export function workerEntry(projectPath: string, callerUrl: string): string {
  if (callerUrl.includes("/$bunfs/")) {
    return `/$bunfs/root/${projectPath.replace(/^src\//, "").replace(/\.ts$/, ".js")}`;
  }
  const root = callerUrl.slice(0, callerUrl.lastIndexOf("/src/") + 1);
  return `${root}${projectPath}`;
}
