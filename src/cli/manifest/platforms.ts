/** Systems and processors that Go knows, and with it docker's `manifest annotate`. */
const ARCHITECTURES: Record<string, string> = {
  aix: "ppc64",
  android: "386 amd64 arm arm64",
  darwin: "386 amd64 arm arm64",
  dragonfly: "amd64",
  freebsd: "386 amd64 arm arm64 riscv64",
  illumos: "amd64",
  ios: "amd64 arm64",
  js: "wasm",
  linux: "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
  netbsd: "386 amd64 arm arm64",
  openbsd: "386 amd64 arm arm64",
  plan9: "386 amd64 arm",
  solaris: "amd64",
  wasip1: "wasm",
  windows: "386 amd64 arm arm64",
};

export function isKnownPlatform(os: string, architecture: string): boolean {
  return (ARCHITECTURES[os] ?? "").split(" ").includes(architecture);
}
