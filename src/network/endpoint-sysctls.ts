/** Kernel settings of a container's interface that a membership asks for. Pure. */
import { NaruError } from "../lib/errors.ts";
import type { EndpointSettings } from "../model/network.ts";

const SYSCTLS_OPTION = "com.docker.network.endpoint.sysctls";

/** "net.ipv4.conf.IFNAME.log_martians=1,…" from the options of a membership. @throws {NaruError} invalid */
export function interfaceSysctls({ DriverOpts }: EndpointSettings, interfaceName: string): Record<string, string> {
  const sysctls: Record<string, string> = {};
  for (const setting of DriverOpts?.[SYSCTLS_OPTION]?.split(",") ?? []) {
    const [name = "", value] = setting.split("=", 2);
    // docker's client puts options into lower case, the placeholder too.
    if (!/^net\.(ipv[46]|mpls)\.[a-z]+\.(IFNAME|ifname)\.[a-z0-9_.]+$/.test(name) || value === undefined) {
      const words = "represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'";
      throw new NaruError("invalid", `unrecognised network interface sysctl '${setting}'; ${words}`);
    }
    sysctls[name.replaceAll(".", "/").replace(/\/ifname\//i, `/${interfaceName}/`)] = value;
  }
  return sysctls;
}
