/** Which seccomp filter a container gets. */
import { NaruError } from "../lib/errors.ts";
import type { HostFacts } from "./host-facts.ts";
import type { SecurityOptions } from "./oci-security.ts";
import type { SeccompFilter } from "./oci-spec.ts";
import { defaultSeccompProfile } from "./seccomp-default.ts";
import { fitSeccompProfile, parseSeccompProfile, type SeccompProfile } from "./seccomp-profile.ts";

export class SeccompFilters {
  readonly #facts: HostFacts;
  readonly #profile: SeccompProfile | "unconfined";
  /** The default profile fitted to a set of capabilities. */
  readonly #fitted = new Map<string, SeccompFilter>();

  /** `daemonProfile`: the text of a profile, "unconfined" or undefined for Docker's default. @throws {NaruError} */
  constructor(facts: HostFacts, daemonProfile: string | undefined) {
    this.#facts = facts;
    if (daemonProfile === "unconfined") this.#profile = "unconfined";
    else this.#profile = daemonProfile ? parseSeccompProfile(daemonProfile) : defaultSeccompProfile();
  }

  /** Undefined: no filter. @throws {NaruError} internal for a bad profile, or for one that this kernel cannot apply. */
  choose(
    security: Pick<SecurityOptions, "seccomp">,
    privileged: boolean,
    capabilities: readonly string[],
  ): SeccompFilter | undefined {
    const { seccomp } = security;
    if (seccomp === "unconfined" || (seccomp === "default" && privileged)) return undefined;
    if (seccomp !== "default") {
      if (!this.#facts.hasSeccomp) {
        throw new NaruError("internal", "seccomp is not enabled in your kernel, cannot run a custom seccomp profile");
      }
      return this.#fit(parseSeccompProfile(seccomp.profile), capabilities);
    }
    if (this.#profile === "unconfined" || !this.#facts.hasSeccomp) return undefined;
    const key = capabilities.join();
    let filter = this.#fitted.get(key);
    if (!filter) {
      filter = this.#fit(this.#profile, capabilities);
      this.#fitted.set(key, filter);
    }
    return filter;
  }

  #fit(profile: SeccompProfile, capabilities: readonly string[]): SeccompFilter {
    const { arch, kernel } = this.#facts;
    return fitSeccompProfile(profile, { capabilities: new Set(capabilities), arch, kernel });
  }
}
