/** All builtin kinds. A new one is its declaration and a line here. */

import type { ResourceDefinition } from "../machinery/definition.ts";
import { anyKind } from "../machinery/registry.ts";
import { deployments, replicaSets } from "./deployments.ts";
import { namespaces } from "./namespaces.ts";
import { nodes } from "./nodes.ts";
import { pods, podTemplates } from "./pods.ts";
import { services } from "./services.ts";
import { configMaps, secrets } from "./settings.ts";

export const BUILTIN_DEFINITIONS: readonly ResourceDefinition[] = [
  anyKind(pods),
  anyKind(podTemplates),
  anyKind(services),
  anyKind(nodes),
  anyKind(namespaces),
  anyKind(configMaps),
  anyKind(secrets),
  anyKind(deployments),
  anyKind(replicaSets),
];
