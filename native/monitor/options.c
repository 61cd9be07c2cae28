#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "descriptors.h"
#include "frame.h"

enum option_code {
  PROTOCOL = 1, DIRECTORY, PID_FILE, STDIN, CONSOLE, SUBSCRIBE, HOLD, LOG, LOG_MAX_SIZE, LOG_MAX_FILE, LOG_ATTRIBUTES, LOG_COMPRESS, LOG_BUFFER,
  ROOT, LOWER, UPPER, WORK, OVERLAY_OPTION, PROPAGATE,
};

static const struct option TABLE[] = {
    {"protocol", required_argument, 0, PROTOCOL},
    {"dir", required_argument, 0, DIRECTORY},
    {"pid-file", required_argument, 0, PID_FILE},
    {"stdin", no_argument, 0, STDIN},
    {"console", required_argument, 0, CONSOLE},
    {"subscribe", no_argument, 0, SUBSCRIBE},
    {"hold", required_argument, 0, HOLD},
    {"log", required_argument, 0, LOG},
    {"log-max-size", required_argument, 0, LOG_MAX_SIZE},
    {"log-max-file", required_argument, 0, LOG_MAX_FILE},
    {"log-attrs", required_argument, 0, LOG_ATTRIBUTES},
    {"log-compress", no_argument, 0, LOG_COMPRESS},
    {"log-buffer", required_argument, 0, LOG_BUFFER},
    {"root", required_argument, 0, ROOT},
    {"lower", required_argument, 0, LOWER},
    {"upper", required_argument, 0, UPPER},
    {"work", required_argument, 0, WORK},
    {"overlay-option", required_argument, 0, OVERLAY_OPTION},
    {"propagate", no_argument, 0, PROPAGATE},
    {0},
};

static _Noreturn void refuse(const char *why, const char *what) {
  fprintf(stderr, "naru-monitor: %s%s\n", why, what);
  exit(2);
}

static unsigned long long number(const char *text, unsigned long long most) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (!*text || *end || value > most) refuse("not a number in range: ", text);
  return value;
}

static void add(const char **list, int *count, int most, const char *value) {
  if (*count == most) refuse("too many options of one kind: ", value);
  list[(*count)++] = value;
}

static void set_option(struct monitor_options *options, int code, const char *value) {
  struct rootfs_options *rootfs = &options->rootfs;
  switch (code) {
    case PROTOCOL:
      if (number(value, 1000) != MONITOR_PROTOCOL) refuse("this monitor speaks protocol 1, not ", value);
      break;
    case DIRECTORY: options->directory = value; break;
    case PID_FILE: options->pid_file = value; break;
    case STDIN: options->has_stdin = true; break;
    case CONSOLE: options->console = value; break;
    case SUBSCRIBE: options->is_subscribed = true; break;
    case HOLD: options->held_descriptors = (int)number(value, MAX_PASSED_DESCRIPTORS); break;
    case LOG: options->log.path = value; break;
    case LOG_MAX_SIZE: options->log.max_bytes = number(value, 1ull << 62); break;
    case LOG_MAX_FILE: options->log.max_files = (unsigned)number(value, 1000000); break;
    case LOG_ATTRIBUTES: options->log.attributes = value; break;
    case LOG_COMPRESS: options->log.compresses = true; break;
    case LOG_BUFFER: options->log.buffer_bytes = number(value, 1ull << 40); break;
    case ROOT: rootfs->path = value; break;
    case LOWER: add(rootfs->lower, &rootfs->lower_count, MAX_LOWER_DIRECTORIES, value); break;
    case UPPER: rootfs->upper = value; break;
    case WORK: rootfs->work = value; break;
    case OVERLAY_OPTION: add(rootfs->extra, &rootfs->extra_count, MAX_OVERLAY_OPTIONS, value); break;
    case PROPAGATE: rootfs->keeps_propagation = true; break;
    default: refuse("see PROTOCOL.md for its options", "");
  }
}

void parse_monitor_options(int count, char **arguments, struct monitor_options *options) {
  *options = (struct monitor_options){.log = {.max_files = 1}};
  // "+": the runtime's own options begin at the first word that is none of ours.
  for (int code; (code = getopt_long(count, arguments, "+", TABLE, 0)) != -1;) set_option(options, code, optarg);
  options->runtime = arguments + optind;
  if (!options->runtime[0]) refuse("no runtime command after --", "");
  if (!options->pid_file) refuse("--pid-file is missing", "");
  if (options->rootfs.path && options->rootfs.lower_count == 0) refuse("--root needs at least one --lower", "");
}
