/** Security contexts of pod and container as settings of the engine. */

import { readFile } from "node:fs/promises";
import type { HostConfig } from "../../model/container.ts";
import type { Container, Pod, SeccompProfile } from "../../model/kubernetes/core.ts";
import { ConfigError } from "./config-error.ts";

interface SecuritySettings {
  /** "uid", "uid:gid", or empty for the image's own. */
  user: string;
  host: Pick<
    HostConfig,
    | "Privileged"
    | "ReadonlyRootfs"
    | "CapAdd"
    | "CapDrop"
    | "SecurityOpt"
    | "GroupAdd"
    | "MaskedPaths"
    | "ReadonlyPaths"
    | "Sysctls"
  >;
}

/**
 * @param imageUser who the image's process is ("", "1000", "app:app")
 * @param profiles directory of seccomp profiles of type Localhost
 * @throws {ConfigError} for what cannot be had
 */
export async function securitySettings(
  pod: Pod,
  container: Container,
  imageUser: string,
  profiles: string,
): Promise<SecuritySettings> {
  const shared = pod.spec?.securityContext ?? {};
  const own = container.securityContext ?? {};
  const privileged = own.privileged === true;
  const groups = [...(shared.supplementalGroups ?? []), ...(shared.fsGroup === undefined ? [] : [shared.fsGroup])];
  const options = await seccompOptions(own.seccompProfile ?? shared.seccompProfile, profiles);
  const apparmor = own.appArmorProfile ?? shared.appArmorProfile;
  if (apparmor?.type === "Unconfined") options.push("apparmor=unconfined");
  if (apparmor?.type === "Localhost") options.push(`apparmor=${apparmor.localhostProfile}`);
  if (own.allowPrivilegeEscalation === false) options.push("no-new-privileges");
  const sysctls = (shared.sysctls ?? []).map(({ name, value }) => [name, value] as const);
  return {
    user: userOf(pod, container, imageUser),
    host: {
      Privileged: privileged,
      ReadonlyRootfs: own.readOnlyRootFilesystem === true,
      CapAdd: own.capabilities?.add ?? null,
      CapDrop: own.capabilities?.drop ?? null,
      SecurityOpt: options,
      GroupAdd: groups.map(String),
      Sysctls: Object.fromEntries(sysctls),
      ...(own.procMount === "Unmasked" ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    },
  };
}

function userOf(pod: Pod, container: Container, imageUser: string): string {
  const shared = pod.spec?.securityContext ?? {};
  const own = container.securityContext ?? {};
  const uid = own.runAsUser ?? shared.runAsUser;
  const gid = own.runAsGroup ?? shared.runAsGroup;
  const [imageUid = ""] = imageUser.split(":");
  if (own.runAsNonRoot ?? shared.runAsNonRoot) checkNonRoot(container.name, uid, imageUid);
  if (uid === undefined && gid === undefined) return "";
  const user = uid === undefined ? imageUid || "0" : String(uid);
  return gid === undefined ? user : `${user}:${gid}`;
}

function checkNonRoot(name: string, uid: number | undefined, imageUid: string): void {
  if (uid === 0) throw new ConfigError(`container's runAsUser breaks non-root policy (container: ${name})`);
  if (uid !== undefined) return;
  if (imageUid === "" || imageUid === "0") {
    throw new ConfigError(`container has runAsNonRoot and image will run as root (container: ${name})`);
  }
  if (!/^\d+$/.test(imageUid)) {
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${imageUid}), cannot verify user is non-root (container: ${name})`,
    );
  }
}

/** Without a profile the engine's own, as a node agent with --seccomp-default has it. */
async function seccompOptions(profile: SeccompProfile | undefined, profiles: string): Promise<string[]> {
  if (profile?.type === "Unconfined") return ["seccomp=unconfined"];
  if (profile?.type !== "Localhost") return [];
  const name = profile.localhostProfile ?? "";
  if (name.startsWith("/") || name.split("/").includes("..")) {
    throw new ConfigError(`the seccomp profile ${name} lies outside of the node's profiles`);
  }
  try {
    return [`seccomp=${await readFile(`${profiles}/${name}`, "utf8")}`];
  } catch (cause) {
    throw new ConfigError(`cannot load seccomp profile ${profiles}/${name}: ${(cause as Error).message}`);
  }
}
