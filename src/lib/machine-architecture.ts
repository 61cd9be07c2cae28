/** The processor's name as images have it (GOARCH). */
export function machineArchitecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}
