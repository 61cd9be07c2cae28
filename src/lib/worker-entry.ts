/**
 * The address of a worker thread's file. In the built executable workers are extra entry points, named by their path
 * in the project; when run from source the file beside the caller is meant.
 */
export function workerEntry(projectPath: string, callerUrl: string): string {
  if (callerUrl.includes("/$bunfs/")) return `./${projectPath}`;
  const root = callerUrl.slice(0, callerUrl.lastIndexOf("/src/") + 1);
  return `${root}${projectPath}`;
}
