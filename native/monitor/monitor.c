// The supervisor of one container, or of one process executed in a container: its beginning and its loop. Told in
// PROTOCOL.md.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection.h"
#include "descriptors.h"
#include "input.h"
#include "life.h"
#include "log.h"
#include "modes.h"
#include "news.h"
#include "output.h"
#include "requests.h"
#include "state.h"

enum {
  // After this much quiet, buffers go back to the kernel.
  QUIET_MS = 2000,
  PAGE_BYTES = 4096,
};

struct state self;

// Apart from the place where output is read: a frame may ask us to read output.
static _Alignas(PAGE_BYTES) char received[FRAME_MAX_PAYLOAD];

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- the loop ----

enum slot { SLOT_SIGNALS, SLOT_LISTENER, SLOT_CONSOLE, SLOT_OUTPUT, SLOT_INPUT = SLOT_OUTPUT + 2, SLOT_CONNECTIONS };

static int fill_polls(struct pollfd *polls) {
  // What is left in the pipes at the end is little: nobody who is slow may hold back the news of the end.
  // While the runtime works its own complaints come by the pipe of stderr: whose output that is shows when it ends.
  bool is_reading = self.phase != STARTING && (self.phase == DRAINING || !connections_are_slow());
  polls[SLOT_SIGNALS] = (struct pollfd){self.signals, POLLIN, 0};
  polls[SLOT_LISTENER] = (struct pollfd){connection_count < MAX_CONNECTIONS ? self.listener : -1, POLLIN, 0};
  polls[SLOT_CONSOLE] = (struct pollfd){self.console, POLLIN, 0};
  for (int i = 0; i < 2; i++)
    polls[SLOT_OUTPUT + i] = (struct pollfd){is_reading ? self.stdio.output[i] : -1, POLLIN, 0};
  // Without events, poll(2) still tells that the reader has closed its end; a terminal tells that by its output.
  bool watches_input = self.input.length > 0 || !has_terminal();
  polls[SLOT_INPUT] = (struct pollfd){watches_input ? self.stdio.input : -1, self.input.length > 0 ? POLLOUT : 0, 0};
  int count = SLOT_CONNECTIONS;
  for (int i = 0; i < connection_count; i++) {
    struct connection *connection = connections[i];
    bool has_outgoing = connection->outgoing.length > 0 || connection->wants_held_descriptors;
    polls[count++] = (struct pollfd){connection->in, POLLIN, 0};
    polls[count++] = (struct pollfd){connection->out, has_outgoing ? POLLOUT : 0, 0};
  }
  return count;
}

static int poll_timeout(void) {
  if (self.phase == DRAINING || self.phase == LINGERING) {
    int64_t left = self.deadline_ms - now_ms();
    return left > 0 ? (int)left : 0;
  }
  return self.holds_buffers ? QUIET_MS : -1;
}

static void release_buffers(void) {
  log_release_memory();
  release_output_memory();
  madvise(received, sizeof received, MADV_DONTNEED);
  self.holds_buffers = false;
}

static void serve_connections(const struct pollfd *polls, int served) {
  for (int i = 0; i < served; i++) {
    struct connection *connection = connections[i];
    const struct pollfd *in = polls + SLOT_CONNECTIONS + 2 * i, *out = in + 1;
    if (out->revents & (POLLERR | POLLNVAL)) connection->is_broken = true;
    if (in->revents) {
      self.holds_buffers = true;
      connection_receive(connection, &REQUESTS, received, sizeof received);
    }
    if (connection->outgoing.length > 0 || connection->wants_held_descriptors)
      connection_flush(connection, self.options.held_descriptors);
  }
  connections_sweep();
}

static void accept_connection(void) {
  int socket = accept4(self.listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
  struct connection *connection = socket >= 0 ? connection_add(socket, socket) : 0;
  if (connection) welcome(connection);
}

static bool is_done(void) {
  if (self.phase == DRAINING && (!has_output() || now_ms() >= self.deadline_ms)) end();
  return self.phase == LINGERING && (!connections_have_outgoing() || now_ms() >= self.deadline_ms);
}

static void run(void) {
  struct pollfd polls[SLOT_CONNECTIONS + 2 * MAX_CONNECTIONS];
  while (!is_done()) {
    int served = connection_count, count = fill_polls(polls);
    int ready = poll(polls, (nfds_t)count, poll_timeout());
    if (ready < 0) continue;
    if (ready == 0 && self.holds_buffers) release_buffers();
    if (ready > 0 && self.phase == LINGERING) self.deadline_ms = now_ms() + LINGER_MS;
    // Output before the news of the end; a new terminal before both; connections last, they may subscribe.
    if (polls[SLOT_CONSOLE].revents) take_terminal();
    for (int i = 0; i < 2; i++)
      if (polls[SLOT_OUTPUT + i].revents) read_output(i);
    log_flush();
    if (self.stdio.input >= 0 && polls[SLOT_INPUT].revents & POLLERR) lose_input();
    if (self.stdio.input >= 0 && polls[SLOT_INPUT].revents) write_input();
    if (polls[SLOT_SIGNALS].revents) reap();
    serve_connections(polls, served);
    if (polls[SLOT_LISTENER].revents) accept_connection();
  }
}

// ---- beginning ----

static void take_signals(void) {
  static const int ignored[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGPIPE, SIGUSR1,
                                SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_SETMASK, &set, 0);
  self.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Our stdin and stdout become the first connection; 0, 1 and 2 must not reach the runtime by accident.
static void take_control_connection(void) {
  int free_from = 3 + self.options.held_descriptors;
  for (int fd = 3; fd < free_from; fd++) set_close_on_exec(fd);
  int in = fcntl(0, F_DUPFD_CLOEXEC, free_from), out = fcntl(1, F_DUPFD_CLOEXEC, free_from);
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(nothing, 0);
  dup2(nothing, 1);
  close(nothing);
  struct connection *connection = in >= 0 && out >= 0 ? connection_add(in, out) : 0;
  if (connection) connection->is_subscribed = self.options.is_subscribed;
}

static bool open_sockets(void) {
  char path[4096];
  const struct monitor_options *options = &self.options;
  if (options->directory) {
    snprintf(path, sizeof path, "%s/monitor.sock", options->directory);
    self.listener = listen_at(path);
  }
  if (options->console) self.console = listen_at(options->console);
  bool has_failed = (options->directory && self.listener < 0) || (options->console && self.console < 0);
  if (has_failed)
    snprintf(self.failure, sizeof self.failure, "cannot listen in %s: %s",
             options->directory ? options->directory : options->console, strerror(errno));
  return !has_failed;
}

static bool start(void) {
  if (!open_sockets() ||
      !rootfs_mount(&self.options.rootfs, &self.rootfs, self.failure, sizeof self.failure))
    return false;
  int error = runtime_spawn(&self.options, &self.stdio, &self.runtime, &self.problem);
  if (error) snprintf(self.failure, sizeof self.failure, "cannot start the runtime: %s", strerror(error));
  return error == 0;
}

int run_monitor(int count, char **arguments) {
  self.listener = self.console = self.problem = -1;
  self.stdio = (struct stdio){.output = {-1, -1}, .input = -1};
  parse_monitor_options(count, arguments, &self.options);
  setsid();
  umask(022);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  take_signals();
  take_control_connection();
  result_prepare(self.options.directory);
  log_open(&self.options.log);
  bool has_started = start();
  tell_all(send_hello);
  if (!has_started) fail(-1);
  run();
  if (self.options.directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/monitor.sock", self.options.directory);
    unlink(path);
  }
  return 0;
}
