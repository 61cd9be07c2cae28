/** What a container's variables say: their values, or where those come from. */

import { dividedQuantity } from "../../model/kubernetes/quantity.ts";
import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import { KubeApiError } from "./kube-api.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { metadataField } from "./metadata-field.ts";
import type { EnvironmentVariable, SpecContainer } from "./pod-spec-change.ts";

/** "NAME=value", or a comment that tells what the value refers to. */
export function environmentText({ name, value, valueFrom }: EnvironmentVariable): string {
  return valueFrom === undefined ? `${name}=${value ?? ""}` : `# ${name} from ${referenceText(valueFrom)}`;
}

function referenceText(from: NonNullable<EnvironmentVariable["valueFrom"]>): string {
  const { configMapKeyRef, secretKeyRef, resourceFieldRef, fieldRef } = from;
  if (configMapKeyRef) return `configmap ${configMapKeyRef.name}, key ${configMapKeyRef.key}`;
  if (secretKeyRef) return `secret ${secretKeyRef.name}, key ${secretKeyRef.key}`;
  if (fieldRef) return `field path ${fieldRef.fieldPath}`;
  if (!resourceFieldRef) return "invalid valueFrom";
  const { containerName, resource } = resourceFieldRef;
  return `resource field ${containerName ? `${containerName}/` : ""}${resource}`;
}

/** Asks the server for config maps and secrets, each once. */
export class EnvironmentValues {
  private readonly data = new Map<string, Promise<Record<string, string>>>();

  constructor(
    private readonly context: KubectlContext,
    private readonly namespace: string,
    private readonly object: KubeManifestObject,
  ) {}

  /** The variable with its value; with `failure` where it cannot be had. */
  async resolved(
    variable: EnvironmentVariable,
    container: SpecContainer,
  ): Promise<{ text: string; failure: string | undefined }> {
    const { name, valueFrom } = variable;
    if (valueFrom === undefined) return { text: environmentText(variable), failure: undefined };
    try {
      return { text: `${name}=${await this.valueOf(valueFrom, container)}`, failure: undefined };
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      const failure = error instanceof KubeApiError ? (error.status.message ?? "") : error.message;
      return { text: environmentText(variable), failure };
    }
  }

  private async valueOf(
    from: NonNullable<EnvironmentVariable["valueFrom"]>,
    container: SpecContainer,
  ): Promise<string> {
    const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = from;
    if (configMapKeyRef) return await this.keyOf("configmap", configMapKeyRef);
    if (secretKeyRef) return Buffer.from(await this.keyOf("secret", secretKeyRef), "base64").toString();
    if (fieldRef) return this.fieldOf(fieldRef.fieldPath ?? "");
    if (resourceFieldRef) return this.resourceOf(resourceFieldRef, container);
    throw new CliError("invalid valueFrom");
  }

  private async keyOf(kind: "configmap" | "secret", { name = "", key = "" }: Record<string, string>): Promise<string> {
    const path = `/api/v1/namespaces/${encodeURIComponent(this.namespace)}/${kind}s/${encodeURIComponent(name)}`;
    let data = this.data.get(path);
    if (data === undefined) {
      data = this.context
        .api()
        .then(async (api) => (await api.get<{ data?: Record<string, string> }>(path)).data ?? {});
      this.data.set(path, data);
    }
    const value = (await data)[key];
    if (value !== undefined) return value;
    throw new CliError(`key ${key} not found in ${kind} ${name}`);
  }

  private fieldOf(path: string): string {
    const found = metadataField(this.object.metadata, path);
    if (found !== undefined) return found;
    throw new CliError(`unsupported fieldPath: ${path}`);
  }

  /** In units of the divisor, rounded up, as the container will see it. */
  private resourceOf({ resource = "", divisor }: Record<string, string>, { resources }: SpecContainer): string {
    const [which = "", ...rest] = resource.split(".");
    const amount = (resources?.[which] as Record<string, string> | undefined)?.[rest.join(".")];
    if (amount === undefined) throw new CliError(`Unsupported container resource : ${resource}`);
    return dividedQuantity(amount, divisor);
  }
}
