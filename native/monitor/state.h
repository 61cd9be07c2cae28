// What a monitor knows and has open. One process supervises one container, so there is one of it.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <time.h>

#include "bytes.h"
#include "options.h"
#include "result.h"
#include "rootfs.h"
#include "runtime.h"

enum { MAX_STRAYS = 32 };

/**
 * STARTING until the runtime has ended; RUNNING while the process lives; DRAINING from its end until its output has
 * ended or the time for that is over; LINGERING, the result told, until all connections have taken it.
 */
enum phase { STARTING, RUNNING, DRAINING, LINGERING };

struct state {
  struct monitor_options options;
  enum phase phase;
  int64_t deadline_ms;  // of DRAINING and LINGERING
  struct rootfs rootfs;
  struct stdio stdio;
  int signals, listener, console, problem;
  pid_t runtime, process;
  struct timespec started_at;
  struct exit_status status;
  bool has_status, has_failed;
  char failure[512];
  int32_t failure_code;
  // Children that ended while the runtime was still at work: the process itself may be among them.
  struct {
    pid_t pid;
    struct exit_status status;
  } strays[MAX_STRAYS];
  int stray_count;
  struct queue input;
  bool wants_input_closed;
  struct winsize size;
  bool has_size;
  // Memory was used that can be given back when it is quiet.
  bool holds_buffers;
};

extern struct state self;

static inline bool has_terminal(void) { return self.options.console != 0; }

int64_t now_ms(void);
