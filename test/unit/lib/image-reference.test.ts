import { describe, expect, test } from "bun:test";
import { canonicalReference, familiarName, parseReference } from "../../../src/lib/image-reference.ts";

const HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("parseReference()", () => {
  const canonical: [text: string, full: string, familiar: string][] = [
    ["debian", "docker.io/library/debian:latest", "debian:latest"],
    ["debian:bookworm", "docker.io/library/debian:bookworm", "debian:bookworm"],
    ["docker.io/debian", "docker.io/library/debian:latest", "debian:latest"],
    ["index.docker.io/library/debian", "docker.io/library/debian:latest", "debian:latest"],
    ["grafana/loki:3", "docker.io/grafana/loki:3", "grafana/loki:3"],
    ["localhost/x", "localhost/x:latest", "localhost/x:latest"],
    ["localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"],
    ["example.org/a/b/c", "example.org/a/b/c:latest", "example.org/a/b/c:latest"],
    ["[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"],
    ["Foo/bar", "Foo/bar:latest", "Foo/bar:latest"],
    [`debian:12@sha256:${HEX}`, `docker.io/library/debian@sha256:${HEX}`, `debian@sha256:${HEX}`],
    ["library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ];
  test.each(canonical)("completes %s", (text, full, familiar) => {
    expect(canonicalReference(parseReference(text))).toBe(full);
    expect(familiarName(full)).toBe(familiar);
  });

  // Recorded from Docker 28.5.
  const refused: [text: string, message: string][] = [
    ["", "invalid reference format"],
    ["UP", "invalid reference format: repository name (library/UP) must be lowercase"],
    ["a:b:c", "invalid reference format"],
    ["a@sha256:abc", "invalid reference format"],
    ["-x", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["localhost/x:", "invalid reference format"],
    ["a".repeat(300), "repository name must not be more than 255 characters"],
    [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
    [`x@sha256:${HEX.toUpperCase()}`, "invalid checksum digest format"],
    ["x@md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported digest algorithm"],
  ];
  test.each(refused)("refuses %s", (text, message) => {
    expect(() => parseReference(text)).toThrow(message);
  });
});
