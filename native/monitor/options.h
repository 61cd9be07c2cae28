// The command line of `naru-monitor monitor`: see PROTOCOL.md.
#pragma once
#include <stdbool.h>

#include "log.h"

// Overlayfs itself takes no more.
enum { MAX_LOWER_DIRECTORIES = 500, MAX_OVERLAY_OPTIONS = 16 };

struct rootfs_options {
  const char *path;  // null: nothing is mounted
  const char *lower[MAX_LOWER_DIRECTORIES];
  int lower_count;
  const char *upper, *work;
  const char *extra[MAX_OVERLAY_OPTIONS];
  int extra_count;
  bool keeps_propagation;
};

struct monitor_options {
  const char *directory;  // null for an executed process
  const char *pid_file;
  const char *console;  // null: no terminal
  bool has_stdin, is_subscribed;
  int held_descriptors;
  struct log_options log;
  struct rootfs_options rootfs;
  char **runtime;
};

// Ends the program with status 2 and a message when the command line is wrong.
void parse_monitor_options(int count, char **arguments, struct monitor_options *options);
