// naru-monitor: the one C program of naru. Static and small, because one runs beside every container.
#include <stdio.h>
#include <string.h>

#include "modes.h"

static const char USAGE[] =
    "usage: naru-monitor monitor OPTIONS -- RUNTIME ARGUMENT...   supervise one container\n"
    "       naru-monitor netns --serve | ARGUMENT...              make and enter network namespaces\n"
    "       naru-monitor root-view NAMESPACE TARGET               show a running container's root file system\n"
    "       naru-monitor init [--] COMMAND ARGUMENT...            be process 1 of a container (also as docker-init)\n"
    "       naru-monitor hello                                    say hello (also as hello)\n";

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

int main(int count, char **arguments) {
  const char *name = count > 0 ? base_name(arguments[0]) : "";
  if (strcmp(name, "docker-init") == 0) return run_init(count, arguments);
  if (strcmp(name, "hello") == 0) return run_hello();
  const char *mode = count > 1 ? arguments[1] : "";
  if (strcmp(mode, "monitor") == 0) return run_monitor(count - 1, arguments + 1);
  if (strcmp(mode, "netns") == 0) return run_netns(count - 1, arguments + 1);
  if (strcmp(mode, "root-view") == 0) return run_root_view(count - 1, arguments + 1);
  if (strcmp(mode, "init") == 0) return run_init(count - 1, arguments + 1);
  if (strcmp(mode, "hello") == 0) return run_hello();
  fputs(USAGE, stderr);
  return 2;
}
