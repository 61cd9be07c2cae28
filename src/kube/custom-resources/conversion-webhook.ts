/** Custom resources in another version, by the webhook that their definition names (apiextensions.k8s.io/v1 ConversionReview). */

import { errorText } from "../../lib/errors.ts";
import type { CustomResourceDefinition } from "../../model/kubernetes/apiextensions.ts";
import type { KubeObject, ResourceType } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { copyOf, sameJson } from "../machinery/copy.ts";
import { apiVersionOf, type ServedVersion } from "../machinery/definition.ts";
import type { SchemaSet } from "../schema/contract.ts";
import { StatusError } from "../status.ts";
import { postToWebhook, reviewResponse } from "../webhook-client.ts";

/** As kube-apiserver waits for a conversion. */
const TIMEOUT_SECONDS = 30;

interface ConversionResponse {
  readonly uid?: string;
  readonly result?: { readonly status?: string; readonly message?: string };
  readonly convertedObjects?: readonly KubeObject[];
}

/** Undefined: versions of the kind differ in nothing but their name. */
export function webhookConversion(
  client: ClusterClient,
  schemas: SchemaSet,
  { spec }: CustomResourceDefinition,
): ServedVersion["convert"] {
  const { strategy, webhook } = spec.conversion ?? {};
  const place = webhook?.clientConfig;
  if (strategy !== "Webhook" || place === undefined) return undefined;
  return async (objects, to) => {
    const wanted = apiVersionOf(to);
    const foreign = objects.filter((object) => object.apiVersion !== wanted);
    if (foreign.length === 0) return objects;
    let converted: readonly KubeObject[];
    try {
      const uid = crypto.randomUUID();
      const request = { uid, desiredAPIVersion: wanted, objects: foreign };
      const review = { kind: "ConversionReview", apiVersion: "apiextensions.k8s.io/v1", request };
      const answer = await postToWebhook(client, place, review, TIMEOUT_SECONDS);
      converted = convertedObjects(reviewResponse<ConversionResponse>(answer, review), foreign, wanted);
    } catch (error) {
      const which = `${foreign[0]!.apiVersion}, Kind=${to.kind}`;
      throw new StatusError("InternalError", `conversion webhook for ${which} failed: ${errorText(error)}`);
    }
    const fresh = converted.values();
    return objects.map((object) =>
      object.apiVersion === wanted ? object : finished(schemas, to, fresh.next().value!),
    );
  };
}

/** What the new version does not know goes, its defaults come. */
function finished(schemas: SchemaSet, to: ResourceType, object: KubeObject): KubeObject {
  const schema = schemas.schemaOf(to);
  schema?.prune(object);
  schema?.defaults?.(object);
  return object;
}

/** @throws Error in words for what is no conversion of these objects */
function convertedObjects(
  { result, convertedObjects: converted = [] }: ConversionResponse,
  objects: readonly KubeObject[],
  wanted: string,
): KubeObject[] {
  if (result?.status !== "Success") throw new Error(result?.message || "response.result.status was not Success");
  if (converted.length !== objects.length) {
    throw new Error(`expected ${objects.length} converted objects, got ${converted.length}`);
  }
  return converted.map((object, at) => checked(object, objects[at]!, wanted, at));
}

/** Of its metadata a conversion may change labels and annotations alone. */
function checked(object: KubeObject, before: KubeObject, wanted: string, at: number): KubeObject {
  const wrong = (why: string) => new Error(`invalid converted object at index ${at}: ${why}`);
  if (object?.apiVersion !== wanted) throw wrong(`expected apiVersion ${wanted}, got ${object?.apiVersion}`);
  if (object.kind !== before.kind) throw wrong(`expected kind ${before.kind}, got ${object.kind}`);
  for (const field of ["name", "namespace", "uid"] as const) {
    const [now, then] = [object.metadata?.[field], before.metadata[field]];
    if ((now ?? "") !== (then ?? "")) throw wrong(`must have the same ${field}: ${now} != ${then}`);
  }
  const { labels, annotations } = object.metadata;
  const metadata = copyOf(before.metadata);
  for (const [field, value] of [
    ["labels", labels],
    ["annotations", annotations],
  ] as const) {
    if (sameJson(value ?? {}, metadata[field] ?? {})) continue;
    if (value === undefined) delete metadata[field];
    else metadata[field] = value;
  }
  return { ...object, metadata };
}
