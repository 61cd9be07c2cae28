import { describe, expect, test } from "bun:test";
import {
  checkProgramAllowed,
  expandAlias,
  parsePreferences,
  preferencesPath,
  presetWords,
} from "../../../../src/cli/kubectl/preferences.ts";

const TEXT = `apiVersion: kubectl.config.k8s.io/v1beta1
kind: Preference
defaults: [{ command: get, options: [{ name: output, default: name }, { name: watch, default: "true" }] }]
aliases:
- { name: mk, command: create configmap, prependArgs: [fixed], appendArgs: ["--from-literal=z=1"], options: [{ name: output, default: yaml }] }
credentialPluginPolicy: Allowlist
credentialPluginAllowlist: [{ command: /bin/allowed }]
`;
const preferences = () => parsePreferences(TEXT, "f");

test("the file of --kuberc or KUBERC must be there, that of the home need not; both can be switched off", () => {
  expect(preferencesPath("x", {})).toEqual({ path: "x", mustExist: true });
  expect(preferencesPath("", { KUBERC: "y" })).toEqual({ path: "y", mustExist: true });
  expect(preferencesPath("", {})?.mustExist).toBe(false);
  expect(preferencesPath("", { KUBERC: "off" })).toBeUndefined();
  expect(preferencesPath("x", { KUBECTL_KUBERC: "false" })).toBeUndefined();
});

test("the first version's words mean the same", () => {
  const old = `apiVersion: kubectl.config.k8s.io/v1alpha1
kind: Preference
overrides: [{ command: get, flags: [{ name: output, default: name }] }]
`;
  expect(parsePreferences(old, "f").defaults).toEqual([
    { command: "get", options: [{ name: "output", default: "name" }] },
  ]);
});

test.each([
  ["kind: Pod\napiVersion: v1\n", "no valid preferences found in f"],
  ["{x", "no valid preferences found in f"],
  [TEXT.replace("Allowlist\n", "Bad\n"), 'unknown plugin policy: "Bad"'],
  [TEXT.replace("aliases:\n", "aliases:\n- { name: mk, command: get }\n"), "duplicate alias name mk"],
])("%p is refused", (text, words) => {
  expect(() => parsePreferences(text, "f")).toThrow(`error occurred while applying preferences`);
  expect(() => parsePreferences(text, "f")).toThrow(words);
});

describe("what they say", () => {
  test("an alias is its command with words before and behind", () => {
    expect(expandAlias(preferences(), ["mk", "--from-literal=a=b"])).toEqual({
      words: ["create", "configmap", "fixed", "--from-literal=a=b", "--from-literal=z=1"],
      options: [{ name: "output", default: "yaml" }],
    });
    expect(expandAlias(preferences(), ["other"])).toBeUndefined();
  });

  test("presets stand back behind what the user gives", () => {
    const { options } = preferences().defaults[0]!;
    const flags = { output: {}, watch: {} };
    expect(presetWords(options, "get", flags, new Set(["output"]))).toEqual(["--watch=true"]);
    expect(() => presetWords(options, "get", { output: {} }, new Set())).toThrow("invalid flag watch for command get");
  });

  test("a policy lets credential programs run or not", () => {
    expect(() => checkProgramAllowed(undefined, "x", "/bin/x")).not.toThrow();
    expect(() => checkProgramAllowed(preferences(), "allowed", "/bin/allowed")).not.toThrow();
    expect(() => checkProgramAllowed(preferences(), "x", "/bin/x")).toThrow(
      'plugin path "/bin/x" is not permitted by the credential plugin allowlist',
    );
    const none = { ...preferences(), policy: "DenyAll" };
    expect(() => checkProgramAllowed(none, "x", "/bin/x")).toThrow('plugin "x" not allowed: policy set to "DenyAll"');
  });
});
