/** Who looks at a page, what they may see and do there. */
import type { RepositoryAction } from "../contract.ts";
import type { PageSession } from "./sessions.ts";

export interface Viewer {
  session: PageSession;
  may(repository: string, action: RepositoryAction): boolean;
  /** There are accounts, so one can log in. */
  canLogIn: boolean;
  /** Hidden in every form. */
  proof: string;
  /** "registry.example:5000", for pull commands. */
  host: string;
}
