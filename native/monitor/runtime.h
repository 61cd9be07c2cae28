// Running the OCI runtime with pipes or a terminal for the container, and learning whom it started.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "options.h"

// Our ends of the process's stdio: -1 where there is none.
struct stdio {
  int output[2];  // stdout and stderr; with a terminal output[0] is its master
  int input;      // with a terminal its master too
};

// Makes pipes and forks; 0 or an errno. `problem` is a pipe that tells why the runtime could not be executed.
int runtime_spawn(const struct monitor_options *options, struct stdio *stdio, pid_t *pid, int *problem);
// Why the runtime failed, from the problem pipe and its exit code. Returns the code, or -1 when it never ran.
int runtime_explain(const struct monitor_options *options, int problem, int code, char *text, size_t size);
// The pid the runtime has written; 0 when it has not.
pid_t runtime_read_pid(const char *pid_file);
