/** Loads the text of a Compose file as a project in a folder that need not be there. */
import { type ComposeProject, loadProject } from "../../../src/compose/load-project.ts";

export async function projectOf(text: string, environment: Record<string, string> = {}): Promise<ComposeProject> {
  const request = { files: ["-"], projectDirectory: "/srv/project", envFiles: [], name: "", profiles: [] };
  const fetch = () => Promise.reject(new Error("nothing is fetched"));
  const surroundings = {
    cwd: "/srv/project",
    environment: { HOME: "/home/me", ...environment },
    warn: () => {},
    fetch,
  };
  return await loadProject({ ...request, services: [], skips: new Set() }, surroundings, async () => text);
}
