// The program of the built-in image hello-world.
#include <unistd.h>

#include "modes.h"

static const char TEXT[] =
    "\n"
    "Hello from naru! (나루: a landing where boats come in)\n"
    "If you can read this, containers work on this machine.\n"
    "\n"
    "What happened, step by step:\n"
    " 1. The client asked the naru daemon for a container of the image hello-world.\n"
    " 2. The daemon found the image: it is built in, nothing was downloaded.\n"
    " 3. It laid an empty layer over the image's files, made a network, and started a monitor.\n"
    " 4. crun made the container: its own namespaces, a cgroup, and this program as process 1.\n"
    " 5. The monitor wrote these lines to the log and passed them on to your terminal.\n"
    "\n"
    "안녕하세요! 이 글이 보이면 컨테이너가 잘 돌고 있는 것입니다.\n"
    "\n"
    "Next, make a real base image on this machine and look around in it:\n"
    "    naru image bootstrap debian:bookworm\n"
    "    naru run --rm -it debian:bookworm bash\n"
    "\n";

int run_hello(void) {
  for (size_t at = 0; at < sizeof TEXT - 1;) {
    ssize_t written = write(1, TEXT + at, sizeof TEXT - 1 - at);
    if (written < 0) return 1;
    at += (size_t)written;
  }
  return 0;
}
