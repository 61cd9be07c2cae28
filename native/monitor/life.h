// The process from the runtime's end to the told result: the moves between the phases.
#pragma once
#include <stdint.h>

enum {
  // How long a stranger that holds the pipe may delay the news that the process is gone.
  DRAIN_MS = 100,
  // How long a connection may read nothing of what waits for it after the end.
  LINGER_MS = 10000,
};

// Children have ended: the runtime, the process, or orphans that came to us.
void reap(void);
// The runtime offers the terminal's master.
void take_terminal(void);
// It could not be started; the reason is in self.failure.
void fail(int32_t code);
// The process is gone and its output told: leaves the result and tells it.
void end(void);
