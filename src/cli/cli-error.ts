/**
 * A failure of the command line itself: `message` is printed to stderr as it stands and the process ends with
 * `exitCode`. An empty message prints nothing (the command has already said all).
 */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
    this.name = "CliError";
  }
}
