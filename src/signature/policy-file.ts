/** The policy file: naru's own form, or containers-policy.json(5) as podman and skopeo read it; JSON both. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import { parseContainersPolicy } from "./containers-policy.ts";
import { parseOwnPolicy } from "./own-policy.ts";
import type { PolicyKeys } from "./policy-keys.ts";
import { readPublicKey } from "./public-key.ts";
import type { SignaturePolicy } from "./signature-policy.ts";

/** Reads the file and the keys that it names. @throws {NaruError} invalid, telling which part of which file is wrong */
export async function loadPolicyFile(path: string): Promise<SignaturePolicy> {
  try {
    return await parsePolicy(await readFile(path, "utf8"), fileKeys(dirname(resolve(path))));
  } catch (error) {
    throw new NaruError("invalid", `the signature policy ${path} cannot be used: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** @throws Error in words for people */
export async function parsePolicy(text: string, keys: PolicyKeys): Promise<SignaturePolicy> {
  const document: unknown = JSON.parse(text);
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw new Error("it is no JSON object");
  const policy = document as Record<string, unknown>;
  // Only the containers' form has a list there.
  return Array.isArray(policy.default) ? await parseContainersPolicy(policy, keys) : await parseOwnPolicy(policy, keys);
}

/** Relative paths start at the policy's own directory. */
function fileKeys(directory: string): PolicyKeys {
  return {
    fromFile: async (path) => {
      const absolute = resolve(directory, path);
      return { key: readPublicKey(await readFile(absolute, "utf8"), absolute), name: absolute };
    },
    fromBase64: (data, name) => ({ key: readPublicKey(Buffer.from(data, "base64").toString(), name), name }),
  };
}
