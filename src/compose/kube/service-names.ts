/** The Services by which pods find each other by name, and by which the world finds published ports. */
import type { Service, ServicePort } from "../../model/kubernetes/core.ts";
import type { Conversion, KubeService } from "./kube-project.ts";
import { kubeName, projectLabels, serviceSelector } from "./names.ts";
import { servicePorts } from "./pod-spec.ts";

export function serviceNames(conversion: Conversion, { name, model }: KubeService): Service[] {
  if (model.network_mode) return [];
  const { project } = conversion;
  const labels = { ...serviceSelector(project.name, name), ...projectLabels(project.name) };
  const selector = serviceSelector(project.name, name);
  const make = (ownName: string, spec: Service["spec"]): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: ownName, labels },
    spec: { ...spec, selector },
  });
  const known = servicePorts(model).map(({ target, protocol }) => servicePort(target, target, protocol));
  // Without known ports the name leads to the pods themselves, whatever port is asked for.
  const named = known.length > 0 ? { ports: known } : { clusterIP: "None" };
  const aliases = new Set(Object.values(model.networks ?? {}).flatMap((network) => network?.aliases ?? []));
  for (const other of [model.container_name, model.hostname]) if (other) aliases.add(other);
  const all = new Set([name, ...aliases].map(kubeName));
  const services = [...all].map((one) => make(one, named));
  const published = publishedPorts(conversion, name, model.ports ?? []);
  if (published.length > 0) {
    services.push(
      make(kubeName(`${name}-published`), { type: "LoadBalancer", externalTrafficPolicy: "Local", ports: published }),
    );
  }
  return services;
}

function publishedPorts(
  conversion: Conversion,
  service: string,
  ports: NonNullable<KubeService["model"]["ports"]>,
): ServicePort[] {
  return ports.flatMap(({ target, published, protocol = "tcp", host_ip }) => {
    const port = Number(published || target);
    if (host_ip && host_ip !== "0.0.0.0" && host_ip !== "::") {
      conversion.remark(service, `port ${host_ip}:${published} is for one address of the machine: it is left out`);
      return [];
    }
    if (!Number.isInteger(port)) {
      conversion.remark(service, `port ${published} is a choice of ports: it is left out`);
      return [];
    }
    return [servicePort(port, target, protocol)];
  });
}

function servicePort(port: number, targetPort: number, protocol: string): ServicePort {
  const name = `${protocol}-${port}`;
  return { name, port, targetPort, ...(protocol === "tcp" ? {} : { protocol: protocol.toUpperCase() }) };
}
