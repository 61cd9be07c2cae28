import { parseGitSource } from "../lib/git-address.ts";

export const OCI_SCHEME = "oci://";

/** True for a Compose file that lies in a registry (`oci://…`) or in a git repository, and is fetched first. */
export function isRemoteFile(path: string): boolean {
  return path.startsWith(OCI_SCHEME) || parseGitSource(gitAddress(path)) !== undefined;
}

/** GitHub's repositories may be written without a scheme, and without the ending. */
export const gitAddress = (path: string) =>
  path.replace(/^github\.com\/([^/#?]+)\/([^/#?]+?)(?:\.git)?(?=[#?]|$)/, "https://github.com/$1/$2.git");
