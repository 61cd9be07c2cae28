import { expect, test } from "bun:test";
import { gitAddress, isRemoteFile } from "../../../src/compose/remote-address.ts";

test.each([
  "oci://registry.example/team/app:1",
  "https://git.example/team/repo.git#main:sub",
  "git://git.example/repo",
  "ssh://git@git.example/repo.git",
  "git@git.example:team/repo.git",
  "github.com/team/repo",
  "github.com/team/repo.git#v1:compose.yaml",
])("lies elsewhere: %s", (path) => {
  expect(isRemoteFile(path)).toBe(true);
});

test.each([
  "compose.yaml",
  "/a/b.git/compose.yaml",
  "./x.git",
  "https/compose.yaml",
  "github.com/team/repo/compose.yaml",
  "-",
  "C:\\x.yaml",
])("is a path: %s", (path) => {
  expect(isRemoteFile(path)).toBe(false);
});

test("GitHub's short addresses", () => {
  expect(gitAddress("github.com/team/repo#v1:a/b")).toBe("https://github.com/team/repo.git#v1:a/b");
  expect(gitAddress("github.com/team/repo.git?ref=v1")).toBe("https://github.com/team/repo.git?ref=v1");
});
