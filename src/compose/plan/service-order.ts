/** The part of a service that its place depends on. */
type Dependent = { readonly depends_on?: Readonly<Record<string, unknown>> };

/** The services so that each comes after those it depends on. Dependencies that are not there are left out. */
export function inDependencyOrder(services: Readonly<Record<string, Dependent>>): string[] {
  const order = new Set<string>();
  const visit = (name: string): void => {
    const service = services[name];
    if (!service || order.has(name)) return;
    for (const next of Object.keys(service.depends_on ?? {}).sort()) visit(next);
    order.add(name);
  };
  for (const name of Object.keys(services).sort()) visit(name);
  return [...order];
}

/** The services that depend on one directly. */
export function dependentsOf(services: Readonly<Record<string, Dependent>>, name: string): string[] {
  return Object.keys(services).filter((each) => Object.hasOwn(services[each]!.depends_on ?? {}, name));
}
