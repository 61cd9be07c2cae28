import type { KubectlCommand } from "./declaration.ts";

type Loader = () => Promise<{ command: KubectlCommand }>;

/** Every command by its words; only the file of the chosen one is loaded. */
export const KUBECTL_COMMANDS: Record<string, Loader> = {
  "api-resources": () => import("./api-resources-command.ts"),
  "api-versions": () => import("./api-versions-command.ts"),
  apply: () => import("./apply-command.ts"),
  create: () => import("./create-command.ts"),
  "create configmap": () => import("./create-configmap-command.ts"),
  "create cronjob": () => import("./create-cronjob-command.ts"),
  "create deployment": () => import("./create-deployment-command.ts"),
  "create job": () => import("./create-job-command.ts"),
  "create namespace": () => import("./create-namespace-command.ts"),
  "create secret docker-registry": () => import("./create-secret-docker-registry-command.ts"),
  "create secret generic": () => import("./create-secret-generic-command.ts"),
  "create secret tls": () => import("./create-secret-tls-command.ts"),
  "create service clusterip": () => import("./create-service-clusterip-command.ts"),
  "create service externalname": () => import("./create-service-externalname-command.ts"),
  "create service loadbalancer": () => import("./create-service-loadbalancer-command.ts"),
  "create service nodeport": () => import("./create-service-nodeport-command.ts"),
  "create serviceaccount": () => import("./create-serviceaccount-command.ts"),
  delete: () => import("./delete-command.ts"),
  exec: () => import("./exec-command.ts"),
  expose: () => import("./expose-command.ts"),
  get: () => import("./get-command.ts"),
  logs: () => import("./logs-command.ts"),
  "rollout history": () => import("./rollout-history-command.ts"),
  "rollout pause": () => import("./rollout-pause-command.ts"),
  "rollout restart": () => import("./rollout-restart-command.ts"),
  "rollout resume": () => import("./rollout-resume-command.ts"),
  "rollout status": () => import("./rollout-status-command.ts"),
  "rollout undo": () => import("./rollout-undo-command.ts"),
  run: () => import("./run-command.ts"),
  scale: () => import("./scale-command.ts"),
  "set image": () => import("./set-image-command.ts"),
  annotate: () => import("./annotate-command.ts"),
  attach: () => import("./attach-command.ts"),
  cordon: () => import("./cordon-command.ts"),
  label: () => import("./label-command.ts"),
  patch: () => import("./patch-command.ts"),
  "top node": () => import("./top-node-command.ts"),
  "top pod": () => import("./top-pod-command.ts"),
  uncordon: () => import("./uncordon-command.ts"),
  wait: () => import("./wait-command.ts"),
  describe: () => import("./describe-command.ts"),
  version: () => import("./version-command.ts"),
} as unknown as Record<string, Loader>;

/** Words that only stand before others. */
export const KUBECTL_GROUPS: Record<string, string> = {
  "create secret": "Create a secret using a specified subcommand",
  "create service": "Create a service using a specified subcommand",
  rollout: "Manage the rollout of a resource",
  set: "Set specific features on objects",
  top: "Display resource (CPU/memory) usage",
};

/** Other names of commands. */
export const KUBECTL_ALIASES: Record<string, string> = {
  "create cj": "create cronjob",
  "create cm": "create configmap",
  "create deploy": "create deployment",
  "create ns": "create namespace",
  "create sa": "create serviceaccount",
  "create svc": "create service",
  "top no": "top node",
  "top nodes": "top node",
  "top po": "top pod",
  "top pods": "top pod",
};

/** Known to kubectl's users, not here; the text says what to do instead. */
export const REFUSED_COMMANDS: Record<string, string> = {
  kustomize: "build the kustomization with its own program and use -f",
  plugin: "naru has no plugins",
};

/** One line for each command, in kubectl's sections. */
export const SUMMARIES: Record<string, string> = {
  "api-resources": "Print the supported API resources on the server",
  "api-versions": 'Print the supported API versions on the server, in the form of "group/version"',
  apply: "Apply a configuration to a resource by file name or stdin",
  create: "Create a resource from a file or from stdin",
  "create configmap": "Create a config map from a local file, directory or literal value",
  "create cronjob": "Create a cron job with the specified name",
  "create deployment": "Create a deployment with the specified name",
  "create job": "Create a job with the specified name",
  "create namespace": "Create a namespace with the specified name",
  "create secret docker-registry": "Create a secret for use with a registry",
  "create secret generic": "Create a secret from a local file, directory, or literal value",
  "create secret tls": "Create a TLS secret",
  "create service clusterip": "Create a ClusterIP service",
  "create service externalname": "Create an ExternalName service",
  "create service loadbalancer": "Create a LoadBalancer service",
  "create service nodeport": "Create a NodePort service",
  "create serviceaccount": "Create a service account with the specified name",
  delete: "Delete resources by file names, stdin, resources and names, or by label selector",
  exec: "Execute a command in a container",
  expose: "Take a pod, service, deployment or other workload and expose it as a new service",
  get: "Display one or many resources",
  logs: "Print the logs for a container in a pod",
  "rollout history": "View rollout history",
  "rollout pause": "Mark the provided resource as paused",
  "rollout restart": "Restart a resource",
  "rollout resume": "Resume a paused resource",
  "rollout status": "Show the status of the rollout",
  "rollout undo": "Undo a previous rollout",
  run: "Run a particular image on the cluster",
  scale: "Set a new size for a deployment, replica set, stateful set or replication controller",
  "set image": "Update the image of a pod template",
  annotate: "Update the annotations on a resource",
  attach: "Attach to a running container",
  cordon: "Mark node as unschedulable",
  label: "Update the labels on a resource",
  patch: "Update fields of a resource",
  "top node": "Display resource (CPU/memory) usage of nodes",
  "top pod": "Display resource (CPU/memory) usage of pods",
  uncordon: "Mark node as schedulable",
  wait: "Wait for a specific condition on one or many resources",
  describe: "Show details of a specific resource or group of resources",
  version: "Print the client and server version information",
};

export const SECTIONS: Record<string, readonly string[]> = {
  "Basic Commands": ["create", "expose", "run", "get", "delete", "set"],
  "Deploy Commands": ["rollout", "scale"],
  "Cluster Management Commands": ["cordon", "top", "uncordon"],
  "Troubleshooting Commands": ["describe", "attach", "exec", "logs"],
  "Advanced Commands": ["apply", "patch", "wait"],
  "Settings Commands": ["annotate", "label"],
  "Other Commands": ["api-resources", "api-versions", "version"],
};
