/** A container that cannot be made from what its pod says; the pod waits until that changes. */

export class ConfigError extends Error {
  constructor(
    message: string,
    /** What the container's state says it is waiting for. */
    readonly reason:
      | "CreateContainerConfigError"
      | "InvalidImageName"
      | "ErrImageNeverPull" = "CreateContainerConfigError",
  ) {
    super(message);
    this.name = "ConfigError";
  }
}
