/**
 * Writes src/model/kubernetes/: Kubernetes' object model as TypeScript types, a file a group, from a Kubernetes OpenAPI v2
 * description (`bun scripts/kubernetes-types.ts swagger.json[.gz]`). Only names and types are taken; run it again for a newer version.
 */
import { gunzipSync } from "bun";

interface Schema {
  type?: string;
  format?: string;
  $ref?: string;
  items?: Schema;
  additionalProperties?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  "x-kubernetes-group-version-kind"?: { group: string; version: string; kind: string }[];
}

/** Groups that naru serves, and the file that holds each. */
const FILES: Record<string, string> = {
  "io.k8s.apimachinery.pkg.apis.meta.v1": "meta",
  "io.k8s.api.core.v1": "core",
  "io.k8s.api.apps.v1": "apps",
  "io.k8s.api.batch.v1": "batch",
  "io.k8s.api.autoscaling.v1": "autoscaling-v1",
  "io.k8s.api.autoscaling.v2": "autoscaling",
  "io.k8s.api.authentication.v1": "authentication",
  "io.k8s.api.authorization.v1": "authorization",
  "io.k8s.api.certificates.v1": "certificates",
  "io.k8s.api.coordination.v1": "coordination",
  "io.k8s.api.discovery.v1": "discovery",
  "io.k8s.api.events.v1": "events",
  "io.k8s.api.flowcontrol.v1": "flowcontrol",
  "io.k8s.api.networking.v1": "networking",
  "io.k8s.api.node.v1": "node",
  "io.k8s.api.policy.v1": "policy",
  "io.k8s.api.rbac.v1": "rbac",
  "io.k8s.api.scheduling.v1": "scheduling",
  "io.k8s.api.storage.v1": "storage",
  "io.k8s.api.admissionregistration.v1": "admission",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1": "apiextensions",
  "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1": "apiregistration",
};
/** Definitions that are not objects on the wire. */
const SCALARS: Record<string, string> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "string",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "number | string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "Record<string, unknown>",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "unknown",
};
const OWN_WORDS: Record<string, string> = { Object: "KubernetesObject", Event: "Event" };

const source = process.argv[2];
if (source === undefined) throw new Error("name an OpenAPI v2 file: kubernetes-types.ts swagger.json.gz");
const bytes = new Uint8Array(await Bun.file(source).arrayBuffer());
const text = new TextDecoder().decode(source.endsWith(".gz") ? gunzipSync(bytes) : bytes);
const definitions = JSON.parse(text).definitions as Record<string, Schema>;

function split(name: string): { file: string | undefined; type: string; prefix: string } {
  const dot = name.lastIndexOf(".");
  const type = name.slice(dot + 1);
  const prefix = name.slice(0, dot);
  return { file: FILES[prefix], type: OWN_WORDS[type] ?? type, prefix };
}

/** The TypeScript type of a schema; notes in `uses` what other files must be imported. */
function typeOf(schema: Schema, uses: Map<string, Set<string>>): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/definitions/", "");
    if (SCALARS[name] !== undefined) return SCALARS[name];
    const { file, type } = split(name);
    if (file === undefined) return "unknown";
    if (definitions[name]?.properties === undefined) return "unknown";
    uses.set(file, (uses.get(file) ?? new Set()).add(type));
    return type;
  }
  if (schema.type === "array") {
    const inner = typeOf(schema.items ?? {}, uses);
    return inner.includes(" ") ? `(${inner})[]` : `${inner}[]`;
  }
  if (schema.type === "object") {
    return `Record<string, ${schema.additionalProperties ? typeOf(schema.additionalProperties, uses) : "unknown"}>`;
  }
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string" || schema.type === "boolean") return schema.type;
  return "unknown";
}

for (const [prefix, file] of Object.entries(FILES)) {
  const uses = new Map<string, Set<string>>();
  const blocks: string[] = [];
  for (const name of Object.keys(definitions).sort()) {
    const parts = split(name);
    const definition = definitions[name]!;
    if (parts.prefix !== prefix || SCALARS[name] !== undefined || definition.properties === undefined) continue;
    // Objects of a kind carry their names always; the wire may leave them out, the store never does.
    const isKind = definition.properties.kind !== undefined && definition.properties.metadata !== undefined;
    const required = new Set(definition.required ?? []);
    const fields = Object.entries(definition.properties).map(([field, schema]) => {
      const must = required.has(field) || (isKind && ["apiVersion", "kind", "metadata"].includes(field));
      return `  ${/^[A-Za-z_]\w*$/.test(field) ? field : `"${field}"`}${must ? "" : "?"}: ${typeOf(schema, uses)};`;
    });
    blocks.push(`export interface ${parts.type} {\n${fields.join("\n")}\n}`);
  }
  uses.delete(file);
  const imports = [...uses].sort().map(([from, types]) => {
    return `import type { ${[...types].sort().join(", ")} } from "./${from}.ts";`;
  });
  const head = `/** Kubernetes' group ${prefix.replace(/^io\.k8s\.|pkg\.apis\./g, "")} as types. Written by scripts/kubernetes-types.ts. */`;
  await Bun.write(
    `src/model/kubernetes/${file}.ts`,
    `${[head, imports.join("\n"), blocks.join("\n\n")].filter(Boolean).join("\n\n")}\n`,
  );
}
